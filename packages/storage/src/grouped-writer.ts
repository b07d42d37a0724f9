import type { FileHandle } from 'node:fs/promises';

/** Bytes that may wait while a write is under way; as many again are in that write. */
const WINDOW = 1024 * 1024;

/**
 * Appends to an open file. What arrives while a write is under way goes out together in the next one: a fast body costs
 * few system calls however small its chunks are, and a slow one is never held back.
 */
export class GroupedWriter {
  readonly #handle: FileHandle;
  readonly #onWritten: ((position: number) => void) | undefined;
  #position: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #work: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param onWritten is told the length of the file after each write */
  constructor(handle: FileHandle, position: number, onWritten?: (position: number) => void) {
    this.#handle = handle;
    this.#position = position;
    this.#onWritten = onWritten;
  }

  /** Takes over `chunk`. Resolves when there is room for more; throws what an earlier write failed with. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#work ??= this.#writeWaiting();
    if (this.#waitingBytes >= WINDOW) await this.#work;
    if (this.#failure) throw this.#failure.error;
  }

  /** Resolves once everything is written. */
  async finish(): Promise<void> {
    await this.#work;
    if (this.#failure) throw this.#failure.error;
  }

  async #writeWaiting(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#append(batch.length === 1 && batch[0] ? batch[0] : Buffer.concat(batch));
      }
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#work = undefined;
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#position);
      done += bytesWritten;
      this.#position += bytesWritten;
    }
    this.#onWritten?.(this.#position);
  }
}
