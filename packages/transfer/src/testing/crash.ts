import type { RemotePath } from '@waybill/domain';
import type {
  Abortable,
  FileAttributes,
  FileInfo,
  ListEntry,
  MoveOptions,
  PutOptions,
  ReadOptions,
  StorageEndpoint,
} from '@waybill/storage';

export class Crashed extends Error {
  override readonly name = 'Crashed';
}

/** The process dies at its nth step: from then on nothing that it does has any effect. */
export class Crash {
  steps = 0;
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
  }

  get happened(): boolean {
    return this.steps >= this.#at;
  }

  step(): void {
    if (!this.happened) this.steps++;
    if (this.happened) throw new Crashed(`crashed at step ${this.#at}`);
  }
}

/** Makes every operation two steps, one before its effect and one between the effect and the answer. */
export class CrashingEndpoint implements StorageEndpoint {
  readonly label: string;
  readonly properties: StorageEndpoint['properties'];
  crash: Crash | undefined;
  /** The moves and removals of files that took effect, such as `move in/a -> out/a`. */
  readonly effects: string[] = [];
  /** What else happens at the other side just before a file is put. */
  beforePut: ((path: RemotePath) => void) | undefined;
  readonly #endpoint: StorageEndpoint;

  constructor(endpoint: StorageEndpoint) {
    this.#endpoint = endpoint;
    this.label = endpoint.label;
    this.properties = endpoint.properties;
  }

  async *list(directory: RemotePath, options: Abortable): AsyncGenerator<ListEntry> {
    this.crash?.step();
    yield* this.#endpoint.list(directory, options);
  }

  stat(path: RemotePath, options: Abortable): Promise<FileInfo> {
    return this.#around(() => this.#endpoint.stat(path, options));
  }

  read(path: RemotePath, options: ReadOptions): AsyncIterable<Uint8Array> {
    return this.#chunks(this.#endpoint.read(path, options));
  }

  put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    this.beforePut?.(path);
    return this.#around(() => this.#endpoint.put(path, this.#chunks(body), options));
  }

  move(from: RemotePath, to: RemotePath, options: MoveOptions): Promise<void> {
    return this.#around(async () => {
      await this.#endpoint.move(from, to, options);
      this.effects.push(`move ${from} -> ${to}`);
    });
  }

  remove(path: RemotePath, options: Abortable): Promise<void> {
    return this.#around(() => this.#endpoint.remove(path, options));
  }

  setAttributes(path: RemotePath, attributes: FileAttributes, options: Abortable): Promise<void> {
    return this.#around(async () => this.#endpoint.setAttributes?.(path, attributes, options));
  }

  makeDirectory(path: RemotePath, options: Abortable): Promise<void> {
    return this.#around(() => this.#endpoint.makeDirectory(path, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endpoint[Symbol.asyncDispose]();
  }

  async *#chunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.crash?.step();
    for await (const chunk of body) {
      yield chunk;
      this.crash?.step();
    }
  }

  async #around<T>(operation: () => Promise<T>): Promise<T> {
    this.crash?.step();
    const answer = await operation();
    this.crash?.step();
    return answer;
  }
}
