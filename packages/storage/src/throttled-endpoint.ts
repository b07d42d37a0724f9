import type { RemotePath } from '@waybill/domain';
import type {
  Abortable,
  EndpointProperties,
  FileInfo,
  HashOptions,
  ListEntry,
  MoveOptions,
  PutOptions,
  ReadOptions,
  RemoteHash,
  StorageEndpoint,
} from './endpoint.js';
import type { Throttle } from './throttle.js';

/** The same endpoint, whose bytes pass a throttle both ways. Whoever waits for it takes nothing from the other side. */
export function throttled(endpoint: StorageEndpoint, throttle: Throttle): StorageEndpoint {
  return new ThrottledEndpoint(endpoint, throttle);
}

class ThrottledEndpoint implements StorageEndpoint {
  readonly label: string;
  readonly properties: EndpointProperties;
  /** Where the wrapped endpoint has them. */
  readonly hash?: (path: RemotePath, options: HashOptions) => Promise<RemoteHash>;
  readonly recover?: (path: RemotePath, options: Abortable) => Promise<void>;
  readonly setAttributes?: NonNullable<StorageEndpoint['setAttributes']>;
  readonly #endpoint: StorageEndpoint;
  readonly #throttle: Throttle;
  #closed: PromiseLike<void> | undefined;

  constructor(endpoint: StorageEndpoint, throttle: Throttle) {
    this.#endpoint = endpoint;
    this.#throttle = throttle;
    this.label = endpoint.label;
    this.properties = endpoint.properties;
    const [hash, recover] = [endpoint.hash?.bind(endpoint), endpoint.recover?.bind(endpoint)];
    if (hash) this.hash = hash;
    if (recover) this.recover = recover;
    const setAttributes = endpoint.setAttributes?.bind(endpoint);
    if (setAttributes) this.setAttributes = setAttributes;
  }

  list(directory: RemotePath, options: Abortable): AsyncIterable<ListEntry> {
    return this.#endpoint.list(directory, options);
  }

  stat(path: RemotePath, options: Abortable): Promise<FileInfo> {
    return this.#endpoint.stat(path, options);
  }

  read(path: RemotePath, options: ReadOptions): AsyncIterable<Uint8Array> {
    const aheadBytes = () => this.#throttle.aheadBytes;
    return paced(this.#endpoint.read(path, { ...options, aheadBytes }), this.#throttle, options.signal);
  }

  put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    return this.#endpoint.put(path, paced(body, this.#throttle, options.signal), options);
  }

  move(from: RemotePath, to: RemotePath, options: MoveOptions): Promise<void> {
    return this.#endpoint.move(from, to, options);
  }

  remove(path: RemotePath, options: Abortable): Promise<void> {
    return this.#endpoint.remove(path, options);
  }

  makeDirectory(path: RemotePath, options: Abortable): Promise<void> {
    return this.#endpoint.makeDirectory(path, options);
  }

  /** Twice is as good as once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#endpoint[Symbol.asyncDispose]();
    await this.#closed;
  }
}

/** The same bytes in pieces that pass the throttle; while that has no limit, the very chunks, without a detour. */
function paced(
  body: AsyncIterable<Uint8Array>,
  throttle: Throttle,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => new PacedChunks(body[Symbol.asyncIterator](), throttle, signal) };
}

class PacedChunks implements AsyncIterator<Uint8Array> {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #throttle: Throttle;
  readonly #signal: AbortSignal;
  /** Of a chunk that is larger than a piece. */
  #rest: Uint8Array = EMPTY;

  constructor(chunks: AsyncIterator<Uint8Array>, throttle: Throttle, signal: AbortSignal) {
    this.#chunks = chunks;
    this.#throttle = throttle;
    this.#signal = signal;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return this.#throttle.limited || this.#rest.length > 0 ? this.#nextPiece() : this.#chunks.next();
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }

  async #nextPiece(): Promise<IteratorResult<Uint8Array>> {
    if (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return next;
      this.#rest = next.value;
    }
    const value = this.#rest.subarray(0, this.#throttle.pieceBytes);
    try {
      await this.#throttle.pass(value.length, this.#signal);
    } catch (error) {
      // Who gets an error from `next` does not call `return`.
      await this.return();
      throw error;
    }
    this.#rest = this.#rest.subarray(value.length);
    return { done: false, value };
  }
}

const EMPTY = new Uint8Array(0);
