import type { RemotePath } from '@waybill/domain';
import type {
  Abortable,
  EndpointProperties,
  FileAttributes,
  FileInfo,
  HashOptions,
  ListEntry,
  MoveOptions,
  PutOptions,
  ReadOptions,
  RemoteHash,
  StorageEndpoint,
} from './endpoint.js';
import { StorageError } from './storage-error.js';
import { takeUntilAborted, untilAborted } from './until-aborted.js';

export type Operation =
  | 'list'
  | 'stat'
  | 'read'
  | 'put'
  | 'move'
  | 'remove'
  | 'setAttributes'
  | 'makeDirectory'
  | 'hash';

/** What goes wrong. Byte counts are of the bytes that this call carries, from its `start` on. */
export type FaultEffect =
  /** Rejects at once; the wrapped endpoint is not asked. */
  | { readonly kind: 'fails'; readonly error: Error }
  /** `read`, `put`: carries so many bytes, then throws `connection-lost`. What was put stays. */
  | { readonly kind: 'loses-connection'; readonly afterBytes: number }
  /** The operation takes effect, but its answer never comes: rejects with `connection-lost`. */
  | { readonly kind: 'loses-reply' }
  /** `read`, `put`: carries so many bytes and reports success, like a server that cuts what it is sent. */
  | { readonly kind: 'ends-short'; readonly afterBytes: number }
  /** `read`, `put`: one byte arrives changed, with nobody noticing. */
  | { readonly kind: 'alters-byte'; readonly at: number }
  /** Waits until aborted: at once, or in `read` and `put` after so many bytes. */
  | { readonly kind: 'stalls'; readonly afterBytes?: number };

export interface Fault {
  readonly on: Operation;
  /** Only calls for this path (of `move`: its `from`) count. */
  readonly path?: string;
  /** Which of the calls, counted from 1; `every` if it is a lasting fault. 1 if left out. */
  readonly call?: number | 'every';
  readonly effect: FaultEffect;
}

/** Wraps an endpoint so that it fails on cue, for tests of what stands on top of it. */
export function faulty(endpoint: StorageEndpoint, plan: readonly Fault[]): FaultyEndpoint {
  return new FaultyEndpoint(endpoint, plan);
}

export class FaultyEndpoint implements StorageEndpoint {
  /** Everything that was asked for, in order. */
  readonly calls: { readonly operation: Operation; readonly path: RemotePath }[] = [];
  /** Where the wrapped endpoint has it. */
  readonly hash?: (path: RemotePath, options: HashOptions) => Promise<RemoteHash>;
  /** Where the wrapped endpoint has it. */
  readonly setAttributes?: NonNullable<StorageEndpoint['setAttributes']>;
  readonly #endpoint: StorageEndpoint;
  readonly #cues: Cue[];

  constructor(endpoint: StorageEndpoint, plan: readonly Fault[]) {
    this.#endpoint = endpoint;
    this.#cues = plan.map((fault) => ({ fault, seen: 0 }));
    const hash = endpoint.hash?.bind(endpoint);
    if (hash) this.hash = (path, options) => this.#asked('hash', path, options, () => hash(path, options));
    const setAttributes = endpoint.setAttributes?.bind(endpoint);
    if (setAttributes)
      this.setAttributes = (path: RemotePath, attributes: FileAttributes, options: Abortable) =>
        this.#asked('setAttributes', path, options, () => setAttributes(path, attributes, options));
  }

  get label(): string {
    return this.#endpoint.label;
  }

  get properties(): EndpointProperties {
    return this.#endpoint.properties;
  }

  async *list(directory: RemotePath, options: Abortable): AsyncGenerator<ListEntry> {
    const effect = this.#called('list', directory);
    await before(effect, options.signal);
    yield* this.#endpoint.list(directory, options);
    after(effect, 'list', directory);
  }

  stat(path: RemotePath, options: Abortable): Promise<FileInfo> {
    return this.#asked('stat', path, options, () => this.#endpoint.stat(path, options));
  }

  async *read(path: RemotePath, options: ReadOptions): AsyncGenerator<Uint8Array> {
    const effect = this.#called('read', path);
    await before(effect, options.signal);
    yield* carried(this.#endpoint.read(path, options), effect, options.signal);
    after(effect, 'read', path);
  }

  put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    return this.#asked('put', path, options, (effect) =>
      this.#endpoint.put(path, carried(body, effect, options.signal), options),
    );
  }

  move(from: RemotePath, to: RemotePath, options: MoveOptions): Promise<void> {
    return this.#asked('move', from, options, () => this.#endpoint.move(from, to, options));
  }

  async recover(path: RemotePath, options: Abortable): Promise<void> {
    await this.#endpoint.recover?.(path, options);
  }

  remove(path: RemotePath, options: Abortable): Promise<void> {
    return this.#asked('remove', path, options, () => this.#endpoint.remove(path, options));
  }

  makeDirectory(path: RemotePath, options: Abortable): Promise<void> {
    return this.#asked('makeDirectory', path, options, () => this.#endpoint.makeDirectory(path, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endpoint[Symbol.asyncDispose]();
  }

  async #asked<T>(
    operation: Operation,
    path: RemotePath,
    { signal }: Abortable,
    work: (effect: FaultEffect | undefined) => Promise<T>,
  ): Promise<T> {
    const effect = this.#called(operation, path);
    await before(effect, signal);
    const answer = await work(effect);
    after(effect, operation, path);
    return answer;
  }

  /** Counts the call; of several faults that are due, the first of the plan is taken. */
  #called(operation: Operation, path: RemotePath): FaultEffect | undefined {
    this.calls.push({ operation, path });
    let due: FaultEffect | undefined;
    for (const cue of this.#cues) {
      const { on, path: only, call = 1, effect } = cue.fault;
      if (on !== operation || (only !== undefined && only !== path)) continue;
      cue.seen++;
      if (call === 'every' || call === cue.seen) due ??= effect;
    }
    return due;
  }
}

interface Cue {
  readonly fault: Fault;
  seen: number;
}

async function before(effect: FaultEffect | undefined, signal: AbortSignal): Promise<void> {
  if (effect?.kind === 'fails') throw effect.error;
  if (effect?.kind === 'stalls' && effect.afterBytes === undefined) await stalled(signal);
}

function after(effect: FaultEffect | undefined, operation: Operation, path: RemotePath): void {
  if (effect?.kind === 'loses-reply')
    throw new StorageError('connection-lost', `${operation} ${path}: the connection ended before the answer`);
}

async function* carried(
  body: AsyncIterable<Uint8Array>,
  effect: FaultEffect | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (effect?.kind === 'alters-byte') yield* altered(body, effect.at);
  else if (effect && 'afterBytes' in effect && effect.afterBytes !== undefined) {
    yield* cut(takeUntilAborted(body, signal), effect.afterBytes);
    if (effect.kind === 'stalls') await stalled(signal);
    if (effect.kind === 'loses-connection')
      throw new StorageError('connection-lost', `the connection ended after ${effect.afterBytes} bytes`);
  } else yield* body;
}

async function* cut(body: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let rest = bytes;
  if (rest === 0) return;
  for await (const chunk of body) {
    const kept = chunk.subarray(0, rest);
    rest -= kept.length;
    yield kept;
    if (rest === 0) return;
  }
}

async function* altered(body: AsyncIterable<Uint8Array>, at: number): AsyncGenerator<Uint8Array> {
  let position = 0;
  for await (const chunk of body) {
    const index = at - position;
    const byte = chunk[index];
    position += chunk.length;
    yield byte === undefined ? chunk : Uint8Array.from(chunk, (b, i) => (i === index ? b ^ 1 : b));
  }
}

function stalled(signal: AbortSignal): Promise<never> {
  return untilAborted(new Promise<never>(() => {}), signal);
}
