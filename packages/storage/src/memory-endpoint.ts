import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { joinPath, parentOf, parsePath, printableName, type RemotePath, rootPath } from '@waybill/domain';
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
import { whyListedNameRefused } from './listed-name.js';
import { StorageError } from './storage-error.js';
import { takeUntilAborted } from './until-aborted.js';

export interface MemoryEndpointOptions {
  readonly label?: string;
  /** What differs from: atomic replace, one millisecond, concurrent. */
  readonly properties?: Partial<EndpointProperties>;
  /** Plays an other side that tells hashes: of whatever it holds, or as this function says. */
  readonly hash?: true | ((content: Uint8Array) => RemoteHash);
}

const CHUNK = 64 * 1024;

/** Opens an empty endpoint that keeps its files in memory. Each call opens one of its own. */
export function openMemoryEndpoint(options: MemoryEndpointOptions = {}): MemoryEndpoint {
  return new MemoryEndpoint(options);
}

/** A storage endpoint for tests: it passes the conformance suite, and its files can be seeded and looked at. */
export class MemoryEndpoint implements StorageEndpoint {
  readonly label: string;
  readonly properties: EndpointProperties;
  readonly hash?: NonNullable<StorageEndpoint['hash']>;
  readonly #files = new Map<string, MemoryFile>();
  readonly #directories = new Set<string>(['']);

  constructor(options: MemoryEndpointOptions) {
    this.label = options.label ?? 'memory:///';
    this.properties = {
      atomicReplace: true,
      timePrecisionMs: 1,
      concurrent: true,
      continues: true,
      keepsDirectories: true,
      ...options.properties,
    };
    const { hash } = options;
    if (hash !== undefined) this.hash = this.#hashBy(hash === true ? toldFor : hash);
  }

  /**
   * Puts a file in place at once, with the directories above it. Its name may be one that a path can't hold
   * (`inbox/a\nb`): such a file is listed as `refused`.
   */
  seed(path: string, content: string | Uint8Array, modifiedAt: Date = new Date()): void {
    const at = path.lastIndexOf('/');
    const directory = parsePath(path.slice(0, Math.max(at, 0)));
    this.#addDirectories(directory);
    const file = new MemoryFile();
    file.append(Buffer.from(content));
    file.modifiedAt = modifiedAt;
    this.#files.set(directory === '' ? path.slice(at + 1) : directory + path.slice(at), file);
  }

  /** A copy of the file's bytes; `undefined` if there is none. */
  content(path: string): Buffer | undefined {
    const file = this.#files.get(path);
    return file && Buffer.from(file.slice(0, file.size));
  }

  /** The paths of all files, sorted. */
  paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  setModifiedAt(path: string, modifiedAt: Date): void {
    this.#file(path as RemotePath).modifiedAt = modifiedAt;
  }

  async *list(directory: RemotePath, { signal }: Abortable): AsyncGenerator<ListEntry> {
    signal.throwIfAborted();
    if (!this.#directories.has(directory)) throw this.#notFound('directory', directory);
    const prefix = directory === '' ? '' : `${directory}/`;
    const isIn = (path: string) =>
      path !== '' && path.startsWith(prefix) && !path.includes('/', prefix.length);
    for (const path of [...this.#directories].filter(isIn)) {
      await turn(signal);
      yield { kind: 'directory', path: path as RemotePath };
    }
    for (const [path, file] of [...this.#files].filter(([path]) => isIn(path))) {
      await turn(signal);
      yield listed(directory, path.slice(prefix.length), file);
    }
  }

  async stat(path: RemotePath, { signal }: Abortable): Promise<FileInfo> {
    signal.throwIfAborted();
    return this.#file(path).info(path);
  }

  async *read(path: RemotePath, { signal, start = 0 }: ReadOptions): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted();
    const file = this.#file(path);
    for (let at = start; at < file.size; ) {
      await turn(signal);
      const chunk = file.slice(at, Math.min(at + CHUNK, file.size));
      at += chunk.length;
      yield chunk;
    }
  }

  async put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    const { signal, start = 0, fresh = false, onProgress } = options;
    signal.throwIfAborted();
    if (fresh && this.#files.has(path))
      throw new StorageError('already-exists', `${this.#place(path)} is there already`);
    const file = this.#openForWriting(path, start);
    file.truncate(start);
    onProgress?.(start);
    for await (const chunk of takeUntilAborted(body, signal)) {
      await turn(signal);
      file.append(chunk);
      onProgress?.(file.size);
    }
    return file.info(path);
  }

  async move(from: RemotePath, to: RemotePath, { signal, replace }: MoveOptions): Promise<void> {
    signal.throwIfAborted();
    const file = this.#file(from);
    this.#requireParent(to);
    if (this.#directories.has(to) || (!replace && this.#files.has(to)))
      throw new StorageError('already-exists', `${this.#place(to)} exists; ${printableName(from)} stays`);
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  async remove(path: RemotePath, { signal }: Abortable): Promise<void> {
    signal.throwIfAborted();
    this.#files.delete(path);
  }

  async setAttributes(path: RemotePath, attributes: FileAttributes, { signal }: Abortable): Promise<void> {
    signal.throwIfAborted();
    const file = this.#file(path);
    file.modifiedAt = attributes.modifiedAt ?? file.modifiedAt;
    file.mode = attributes.mode ?? file.mode;
  }

  async makeDirectory(path: RemotePath, { signal }: Abortable): Promise<void> {
    signal.throwIfAborted();
    this.#addDirectories(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #hashBy(tell: (content: Uint8Array) => RemoteHash) {
    return async (path: RemotePath, { signal, bytes }: HashOptions): Promise<RemoteHash> => {
      signal.throwIfAborted();
      const file = this.#file(path);
      return tell(file.slice(0, Math.min(file.size, bytes ?? file.size)));
    };
  }

  #file(path: RemotePath): MemoryFile {
    const file = this.#files.get(path);
    if (!file) throw this.#notFound('regular file', path);
    return file;
  }

  #openForWriting(path: RemotePath, start: number): MemoryFile {
    this.#requireParent(path);
    if (this.#directories.has(path))
      throw new StorageError('already-exists', `${this.#place(path)} is a directory`);
    const file = start > 0 ? this.#file(path) : (this.#files.get(path) ?? new MemoryFile());
    if (file.size < start)
      throw new StorageError(
        'corrupted',
        `${this.#place(path)} holds ${file.size} bytes and can't be continued from byte ${start}`,
      );
    this.#files.set(path, file);
    return file;
  }

  #addDirectories(path: RemotePath): void {
    if (this.#files.has(path))
      throw new StorageError('already-exists', `${this.#place(path)} is a file, not a directory`);
    if (path !== rootPath) this.#addDirectories(parentOf(path));
    this.#directories.add(path);
  }

  #requireParent(path: RemotePath): void {
    const parent = parentOf(path);
    if (!this.#directories.has(parent)) throw this.#notFound('directory', parent);
  }

  #notFound(what: string, path: RemotePath): StorageError {
    return new StorageError('not-found', `${this.#place(path)}: there is no such ${what}`);
  }

  #place(path: RemotePath): string {
    return `${this.label}${printableName(path)}`;
  }
}

/** Bytes that can be cut and appended to; the buffer's capacity doubles, so that appending stays cheap. */
class MemoryFile {
  size = 0;
  modifiedAt = new Date();
  mode: number | undefined;
  #buffer = new Uint8Array(0);

  truncate(size: number): void {
    this.size = size;
    this.modifiedAt = new Date();
  }

  append(chunk: Uint8Array): void {
    const size = this.size + chunk.length;
    if (size > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(size, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.size));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.size);
    this.size = size;
    this.modifiedAt = new Date();
  }

  /** A copy. */
  slice(from: number, to: number): Uint8Array {
    return this.#buffer.slice(from, to);
  }

  info(path: RemotePath): FileInfo {
    const { size, modifiedAt, mode } = this;
    return { path, size, modifiedAt, ...(mode !== undefined && { mode }) };
  }
}

function toldFor(content: Uint8Array): RemoteHash {
  return { kind: 'told', sha256: createHash('sha256').update(content).digest('hex'), certain: true };
}

function listed(directory: RemotePath, name: string, file: MemoryFile): ListEntry {
  const reason = whyListedNameRefused(directory, name);
  if (reason !== undefined) return { kind: 'refused', name, reason };
  return { kind: 'file', ...file.info(joinPath(directory, name)) };
}

/** Lets timers and I/O run between chunks, so that an endless body can still be aborted. */
async function turn(signal: AbortSignal): Promise<void> {
  await nextTurn();
  signal.throwIfAborted();
}
