import { parentOf, printableName, type RemotePath } from '@waybill/domain';
import {
  type Abortable,
  type EndpointProperties,
  type FileInfo,
  type ListEntry,
  type MoveOptions,
  type PutOptions,
  type ReadOptions,
  type StorageEndpoint,
  StorageError,
} from '@waybill/storage';
import { type FileType, fileInfo, typeOf } from './attributes.js';
import { openSession } from './connect.js';
import { Status, statusOf } from './errors.js';
import { listDirectory } from './list-directory.js';
import type { SftpOptions } from './options.js';
import { pipelinedRead } from './pipelined-read.js';
import { putFile } from './put-file.js';
import type { Session } from './session.js';

/** Flag of SSH_FXP_OPEN. */
const READ = 0x01;

/**
 * Connects to an SFTP account and opens its root. The endpoint lives as long as its connection: once that is lost,
 * every operation fails with `connection-lost`, and the caller opens another.
 * @throws StorageError; `not-found` if the root is no directory
 */
export async function openSftpEndpoint(options: SftpOptions, signal: AbortSignal): Promise<StorageEndpoint> {
  const session = await openSession(options, signal);
  try {
    return new SftpEndpoint(session, await findRoot(session, options.root, signal));
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** @returns the absolute path of the root, without a slash at the end */
async function findRoot(session: Session, root: string, signal: AbortSignal): Promise<string> {
  const path = root === '' ? '.' : root;
  const about = { doing: 'open the root', path, signal };
  const [absolute, stats] = await Promise.all([
    // Some servers do not resolve paths, but take them as they are.
    session.realpath(about).catch(unless(['not-found', 'unsupported', 'unknown'], path)),
    session.stat(about),
  ]);
  const type = typeOf(stats);
  if (type !== undefined && type !== 'directory')
    throw new StorageError(
      'not-found',
      `the root ${printableName(path)} on ${session.where} is no directory`,
    );
  return absolute.replace(/\/+$/, '');
}

function unless<T>(codes: readonly string[], instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof StorageError && codes.includes(error.code)) return instead;
    throw error;
  };
}

class SftpEndpoint implements StorageEndpoint {
  readonly label: string;
  readonly properties: EndpointProperties;
  readonly #session: Session;
  readonly #root: string;

  constructor(session: Session, root: string) {
    this.#session = session;
    this.#root = root;
    this.label = session.where + (root.startsWith('/') ? root : `/${root}`);
    this.properties = {
      atomicReplace: session.abilities.posixRename,
      timePrecisionMs: 1000,
      concurrent: true,
    };
  }

  async *list(directory: RemotePath, { signal }: Abortable): AsyncGenerator<ListEntry> {
    yield* listDirectory(this.#session, { directory, absolute: this.#absolute(directory), signal });
  }

  async stat(path: RemotePath, { signal }: Abortable): Promise<FileInfo> {
    const stats = await this.#session.lstat({ doing: 'look at', path: this.#absolute(path), signal });
    if (typeOf(stats) !== 'file') throw this.#notRegular(path);
    return fileInfo(path, stats, this.label);
  }

  async *read(path: RemotePath, { signal, start = 0 }: ReadOptions): AsyncGenerator<Uint8Array> {
    const absolute = this.#absolute(path);
    const about = { doing: 'open for reading', path: absolute, signal };
    // Both at once, to save a round trip. Servers that let nobody look may still let us read.
    const [looked, opened] = await Promise.allSettled([
      this.#typeOf(path, signal),
      this.#session.open(READ, about),
    ]);
    if (opened.status === 'rejected') throw opened.reason;
    const handle = opened.value;
    try {
      if (looked.status === 'rejected') throw looked.reason;
      if (looked.value !== undefined && looked.value !== 'file') throw this.#notRegular(path);
      yield* pipelinedRead(this.#session, { handle, path: absolute, start, signal });
    } finally {
      const closed = this.#session.closeQuietly(handle, absolute);
      if (!signal.aborted) await closed;
    }
  }

  async put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    const { signal } = options;
    try {
      return await putFile(this.#session, body, { ...options, path, absolute: this.#absolute(path) });
    } catch (error) {
      if (!isFailure(error) || signal.aborted) throw error;
      if ((await this.#typeOf(path, signal)) === 'directory')
        throw this.#exists(path, 'is a directory', error);
      throw await this.#orNoSpace(error, signal);
    }
  }

  async move(from: RemotePath, to: RemotePath, { signal, replace }: MoveOptions): Promise<void> {
    const session = this.#session;
    const target = this.#absolute(to);
    const about = { doing: `rename to ${printableName(target)}`, path: this.#absolute(from), signal };
    const type = await this.#typeOf(from, signal);
    if (type !== undefined && type !== 'file') throw this.#notRegular(from);
    if (replace && session.abilities.posixRename) {
      await session.posixRename(target, about).catch((error) => this.#explainMove(error, to, signal));
      return;
    }
    // Servers without posix-rename are not to be relied on: with some of them, rename replaces.
    if (!session.abilities.posixRename && (await this.#typeOf(to, signal)) !== undefined) {
      if (!replace) throw this.#exists(to, 'exists');
      await this.remove(to, { signal });
    }
    await session.rename(target, about).catch((error) => this.#explainMove(error, to, signal));
  }

  async remove(path: RemotePath, { signal }: Abortable): Promise<void> {
    try {
      await this.#session.unlink({ doing: 'remove', path: this.#absolute(path), signal });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'not-found') return;
      // Servers answer FAILURE or PERMISSION_DENIED for a directory, which is no file to remove.
      const refused = isFailure(error) || error.code === 'permission-denied';
      if (refused && (await this.#typeOf(path, signal)) === 'directory') return;
      throw error;
    }
  }

  async makeDirectory(path: RemotePath, { signal }: Abortable): Promise<void> {
    if (path === '') return;
    const about = { doing: 'make the directory', path: this.#absolute(path), signal };
    try {
      await this.#session.makeDirectory(about);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'not-found') {
        await this.makeDirectory(parentOf(path), { signal });
        // Nobody guarantees that a parent stays; then this fails for good.
        return this.#session
          .makeDirectory(about)
          .catch((again) => this.#acceptDirectory(again, path, signal));
      }
      await this.#acceptDirectory(error, path, signal);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#session[Symbol.asyncDispose]();
  }

  #absolute(path: RemotePath): string {
    return path === '' ? this.#root || '/' : `${this.#root}/${path}`;
  }

  /** undefined if nothing is there, or the server does not say. */
  async #typeOf(path: RemotePath, signal: AbortSignal): Promise<FileType | undefined> {
    const about = { doing: 'look at', path: this.#absolute(path), signal };
    const stats = await this.#session.lstat(about).catch((error: unknown) => {
      // Anything but an answer means that the session is over.
      if (error instanceof StorageError && statusOf(error.cause) !== undefined) return undefined;
      throw error;
    });
    return stats && typeOf(stats);
  }

  /** mkdir failed: that is a success if there is a directory, perhaps behind a link or made by somebody else just now. */
  async #acceptDirectory(error: unknown, path: RemotePath, signal: AbortSignal): Promise<void> {
    if (!(error instanceof StorageError) || statusOf(error.cause) === undefined) throw error;
    const stats = await this.#session
      .stat({ doing: 'look at', path: this.#absolute(path), signal })
      .catch(() => undefined);
    if (stats === undefined) throw error;
    if (typeOf(stats) !== 'directory') throw this.#exists(path, 'is a file, not a directory', error);
  }

  async #explainMove(error: unknown, to: RemotePath, signal: AbortSignal): Promise<never> {
    if (isFailure(error) && (await this.#typeOf(to, signal)) !== undefined)
      throw this.#exists(to, 'exists', error);
    throw error;
  }

  /** FAILURE is also what OpenSSH says of a full disk. */
  async #orNoSpace(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (!this.#session.abilities.statvfs) return error;
    const about = { doing: 'look for space at', path: this.#root || '/', signal };
    const free = await this.#session.freeBlocks(about).catch(() => undefined);
    if (free !== 0) return error;
    return new StorageError('no-space', `no space is left at ${this.label}: ${(error as Error).message}`, {
      cause: error,
    });
  }

  #notRegular(path: RemotePath): StorageError {
    return new StorageError('not-found', `${this.#place(path)} is no regular file`);
  }

  #exists(path: RemotePath, how: string, cause?: unknown): StorageError {
    return new StorageError('already-exists', `${this.#place(path)} ${how}`, { cause });
  }

  #place(path: RemotePath): string {
    return `${this.label}/${printableName(path)}`;
  }
}

/** The status that says nothing. */
function isFailure(error: unknown): boolean {
  return error instanceof StorageError && statusOf(error.cause) === Status.failure;
}
