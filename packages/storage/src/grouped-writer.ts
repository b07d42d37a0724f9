import type { FileHandle } from 'node:fs/promises';

/** Bytes that may wait while a write is under way; as many again are in that write. */
const WINDOW = 1024 * 1024;

/** Smaller chunks cost less when they are copied together than when each is handed to the system by itself. */
const WORTH_A_VECTOR = 16 * 1024;

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
        const [batch, bytes] = [this.#waiting, this.#waitingBytes];
        this.#waiting = [];
        this.#waitingBytes = 0;
        const averageBytes = bytes / batch.length;
        await this.#append(averageBytes < WORTH_A_VECTOR ? [Buffer.concat(batch)] : batch);
      }
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#work = undefined;
    }
  }

  async #append(batch: Uint8Array[]): Promise<void> {
    for (let rest = batch; rest.length > 0; ) {
      const { bytesWritten } = await this.#handle.writev(rest, this.#position);
      this.#position += bytesWritten;
      rest = without(rest, bytesWritten);
    }
    this.#onWritten?.(this.#position);
  }
}

/** The chunks behind the first `bytes`. */
function without(chunks: Uint8Array[], bytes: number): Uint8Array[] {
  let done = 0;
  const first = chunks.findIndex((chunk) => {
    if (done + chunk.length > bytes) return true;
    done += chunk.length;
    return false;
  });
  const [cut, ...rest] = first < 0 ? [] : chunks.slice(first);
  return cut ? [cut.subarray(bytes - done), ...rest] : [];
}
