import { TransformError } from './transform-error.js';

/** Reads a stream of bytes by pieces of the caller's choice. */
export class ByteReader {
  readonly #input: AsyncIterator<Uint8Array>;
  #ahead: Uint8Array | undefined;
  #position = 0;

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#input = input[Symbol.asyncIterator]();
  }

  /** Bytes taken so far: those that were given back don't count. */
  get position(): number {
    return this.#position;
  }

  /** The next bytes, at least one, as many as come at once; `undefined` at the end. */
  async chunk(): Promise<Uint8Array | undefined> {
    const chunk = await this.#fill();
    this.#ahead = undefined;
    this.#position += chunk?.length ?? 0;
    return chunk;
  }

  /** Gives back the last bytes that were taken. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#position -= bytes.length;
    this.#ahead = this.#ahead ? Buffer.concat([bytes, this.#ahead]) : bytes;
  }

  /** The next `count` bytes without taking them; fewer at the end of the input. */
  async peek(count: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for (let length = 0; length < count; ) {
      const chunk = await this.chunk();
      if (!chunk) break;
      pieces.push(chunk);
      length += chunk.length;
    }
    const read = Buffer.concat(pieces);
    this.unread(read);
    return read.subarray(0, count);
  }

  /** Takes exactly `count` bytes. @throws TransformError `damaged` if there are fewer */
  async take(count: number): Promise<Buffer> {
    const bytes = await this.peek(count);
    if (bytes.length < count)
      throw new TransformError(
        'damaged',
        `the file is cut short: it ends at byte ${this.#position + bytes.length}`,
      );
    this.#position += count;
    const rest = this.#ahead?.subarray(count);
    this.#ahead = rest?.length ? rest : undefined;
    return bytes;
  }

  /** The next `count` bytes, piece by piece. @throws TransformError `damaged` if there are fewer */
  async *pieces(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      const chunk = (await this.chunk()) ?? (await this.take(1));
      const piece = chunk.subarray(0, left);
      this.unread(chunk.subarray(left));
      left -= piece.length;
      yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#input.return?.();
  }

  async #fill(): Promise<Uint8Array | undefined> {
    while (!this.#ahead?.length) {
      const next = await this.#input.next();
      if (next.done) return undefined;
      this.#ahead = next.value;
    }
    return this.#ahead;
  }
}
