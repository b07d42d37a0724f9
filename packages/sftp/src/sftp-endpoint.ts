import { createHash } from 'node:crypto';
import { baseName, joinPath, parentOf, printableName, type RemotePath } from '@waybill/domain';
import {
  type Abortable,
  type EndpointProperties,
  type FileInfo,
  type HashOptions,
  type ListEntry,
  type MoveOptions,
  type PutOptions,
  type ReadOptions,
  type RemoteHash,
  type StorageEndpoint,
  StorageError,
  Turns,
} from '@waybill/storage';
import { type FileType, fileInfo, typeOf } from './attributes.js';
import { openSession } from './connect.js';
import { Status, statusOf } from './errors.js';
import { findRoot } from './find-root.js';
import { isThere } from './is-there.js';
import { listDirectory } from './list-directory.js';
import type { SftpOptions } from './options.js';
import { pipelinedRead } from './pipelined-read.js';
import { putFile } from './put-file.js';
import { HashTeller } from './remote-hash.js';
import type { About, Session } from './session.js';
import { type Strategy, strategyFor } from './strategy.js';
import type { Attributes } from './wire/messages.js';
import { Channels } from './write-lanes.js';

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
    const { remoteHash = 'check-file', log = () => {} } = options;
    const strategy = strategyFor(session.abilities, options);
    // Commands take a channel as well.
    const lanes = remoteHash === 'shell' ? Math.max(1, strategy.maxChannels - 1) : strategy.maxChannels;
    const channels = new Channels(session, lanes, log);
    const hashes = new HashTeller(session, remoteHash, log);
    const [root] = await Promise.all([findRoot(session, options.root, signal), session.learnLimits(signal)]);
    return new SftpEndpoint(session, { strategy, channels, hashes, root });
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

interface Parts {
  readonly strategy: Strategy;
  readonly channels: Channels;
  readonly hashes: HashTeller;
  readonly root: string;
}

class SftpEndpoint implements StorageEndpoint {
  readonly label: string;
  readonly properties: EndpointProperties;
  readonly #session: Session;
  readonly #channels: Channels;
  readonly #strategy: Strategy;
  readonly #hashes: HashTeller;
  readonly #root: string;
  /** Regular files, since this endpoint made them; until they are moved or removed through it. */
  readonly #put = new Set<RemotePath>();
  readonly #turns = new Turns();

  constructor(session: Session, { strategy, channels, hashes, root }: Parts) {
    this.#session = session;
    this.#channels = channels;
    this.#hashes = hashes;
    this.#strategy = strategy;
    this.#root = root;
    this.label = session.where + (root.startsWith('/') ? root : `/${root}`);
    this.properties = {
      atomicReplace: strategy.posixRename,
      timePrecisionMs: strategy.timePrecisionMs,
      concurrent: true,
      continues: strategy.continues,
      keepsDirectories: true,
    };
  }

  async *list(directory: RemotePath, { signal }: Abortable): AsyncGenerator<ListEntry> {
    const plan = { directory, absolute: this.#absolute(directory), signal };
    try {
      yield* listDirectory(this.#session, plan);
    } catch (error) {
      throw await this.#missing(error, directory, signal);
    }
  }

  async stat(path: RemotePath, { signal }: Abortable): Promise<FileInfo> {
    const about = { doing: 'look at', path: this.#absolute(path), signal };
    const stats = await this.#session.lstat(about).catch(this.#orMissing(path, signal));
    if (typeOf(stats) !== 'file') throw this.#notRegular(path);
    return fileInfo(path, stats, this.label);
  }

  async *read(path: RemotePath, { signal, start = 0 }: ReadOptions): AsyncGenerator<Uint8Array> {
    const absolute = this.#absolute(path);
    const about = { doing: 'open for reading', path: absolute, signal };
    // Both at once, to save a round trip. Servers that let nobody look may still let us read.
    const [looked, opened] = await Promise.allSettled([
      this.#look(path, signal),
      this.#session.open(READ, about).catch(this.#orMissing(path, signal)),
    ]);
    if (opened.status === 'rejected') throw opened.reason;
    const handle = opened.value;
    try {
      if (looked.status === 'rejected') throw looked.reason;
      const stats = looked.value;
      const type = stats && typeOf(stats);
      if (type !== undefined && type !== 'file') throw this.#notRegular(path);
      yield* pipelinedRead(this.#session, { handle, path: absolute, start, expected: stats?.size, signal });
    } finally {
      // Nobody waits: whatever is asked for next comes behind it on the same channel.
      void this.#session.closeQuietly(handle, absolute);
    }
  }

  async put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    const { signal } = options;
    try {
      const plan = {
        ...options,
        path,
        absolute: this.#absolute(path),
        channels: this.#channels,
        continues: this.properties.continues,
      };
      const held = await putFile(this.#session, body, plan);
      this.#put.add(path);
      return held;
    } catch (error) {
      if (!isFailure(error) || signal.aborted) throw error;
      if ((await this.#typeOf(path, signal)) === 'directory')
        throw this.#exists(path, 'is a directory', error);
      const told = await this.#missing(error, parentOf(path), signal);
      throw told === error ? await this.#orNoSpace(error, signal) : told;
    }
  }

  async move(from: RemotePath, to: RemotePath, { signal, replace }: MoveOptions): Promise<void> {
    const target = this.#absolute(to);
    const about = { doing: `rename to ${printableName(target)}`, path: this.#absolute(from), signal };
    if (replace && this.properties.atomicReplace) {
      await this.#refuseUnlessRegular(from, signal);
      await this.#session
        .posixRename(target, about)
        .catch((error) => this.#explainMove(error, from, to, signal));
      return;
    }
    await this.#turns.take(to, signal, async () => {
      // Looked at before, since with some servers rename replaces.
      const [there] = await Promise.all([this.#typeOf(to, signal), this.#refuseUnlessRegular(from, signal)]);
      if (there !== undefined && !replace) throw this.#exists(to, 'exists');
      if (there === 'file') await this.#replace(to, about);
      else
        await this.#session
          .rename(target, about)
          .catch((error) => this.#explainMove(error, from, to, signal));
    });
  }

  async #replace(to: RemotePath, about: About): Promise<void> {
    if (this.#strategy.renameReplaces) {
      // A server that refuses leaves both files as they are.
      const refused = await this.#session.rename(this.#absolute(to), about).catch(unlessAnswered);
      if (refused === undefined) return;
    }
    await this.#replaceInSteps(to, about);
  }

  /**
   * The old file is set aside and removed last: a server that refuses to rename has not lost it then. It comes back
   * where the new one can't take its place.
   */
  async #replaceInSteps(to: RemotePath, about: About): Promise<void> {
    const session = this.#session;
    const { signal } = about;
    const target = this.#absolute(to);
    const aside = this.#absolute(joinPath(parentOf(to), asideName(baseName(to))));
    // Left by a connection that ended in between; it stands in the way of servers whose rename does not replace.
    await session.unlink({ doing: 'remove', path: aside, signal }).catch(unlessAnswered);
    await session.rename(aside, { doing: `rename to ${printableName(aside)}`, path: target, signal });
    try {
      await session.rename(target, about);
    } catch (error) {
      const back = { doing: `rename back to ${printableName(target)}`, path: aside, signal };
      await session.rename(target, back).catch(unlessAnswered);
      throw error;
    }
    await session.unlink({ doing: 'remove', path: aside, signal });
  }

  async remove(path: RemotePath, { signal }: Abortable): Promise<void> {
    this.#put.delete(path);
    if (this.#session.abilities.quirks.removesDirectories) {
      if ((await this.#typeOf(path, signal)) === 'directory') return;
    }
    try {
      await this.#session.unlink({ doing: 'remove', path: this.#absolute(path), signal });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'not-found') return;
      if (isFailure(error) && (await this.#missing(error, path, signal)) !== error) return;
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
    } catch (thrown) {
      const error = await this.#missing(thrown, parentOf(path), signal);
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

  async hash(path: RemotePath, { signal, bytes }: HashOptions): Promise<RemoteHash> {
    signal.throwIfAborted();
    const why = this.#hashes.refusal;
    if (why) return { kind: 'untold', why };
    try {
      const { size } = await this.stat(path, { signal });
      return await this.#hashes.tell({ absolute: this.#absolute(path), size, bytes, signal });
    } catch (error) {
      // How long to wait for a hash is a matter of the size: where nobody may look, it is not asked for.
      const refused = error instanceof StorageError && statusOf(error.cause) !== undefined;
      if (!refused || error.code === 'not-found') throw error;
      return { kind: 'untold', why: error.message };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#session[Symbol.asyncDispose]();
  }

  async #refuseUnlessRegular(path: RemotePath, signal: AbortSignal): Promise<void> {
    if (this.#put.delete(path)) return;
    const type = await this.#typeOf(path, signal);
    if (type !== undefined && type !== 'file') throw this.#notRegular(path);
  }

  #absolute(path: RemotePath): string {
    return path === '' ? this.#root || '/' : `${this.#root}/${path}`;
  }

  /** undefined if nothing is there, or the server does not say. */
  async #typeOf(path: RemotePath, signal: AbortSignal): Promise<FileType | undefined> {
    const stats = await this.#look(path, signal);
    return stats && typeOf(stats);
  }

  /** undefined if nothing is there, or the server does not say. */
  async #look(path: RemotePath, signal: AbortSignal): Promise<Attributes | undefined> {
    const about = { doing: 'look at', path: this.#absolute(path), signal };
    return this.#session.lstat(about).catch((error: unknown) => {
      // Anything but an answer means that the session is over.
      if (error instanceof StorageError && statusOf(error.cause) !== undefined) return undefined;
      throw error;
    });
  }

  /** mkdir failed: that is a success if there is a directory, perhaps behind a link or made by somebody else just now. */
  async #acceptDirectory(error: unknown, path: RemotePath, signal: AbortSignal): Promise<void> {
    if (!(error instanceof StorageError) || statusOf(error.cause) === undefined) throw error;
    const about = { doing: 'look at', path: this.#absolute(path), signal };
    const stats = await this.#session.stat(about).catch((refused: unknown) => {
      if (refused instanceof StorageError && refused.code === 'permission-denied') return refused;
      throw error;
    });
    // Nobody may look: if there is no directory, whatever is put into it says so.
    if (stats instanceof StorageError) return;
    if (typeOf(stats) !== 'directory') throw this.#exists(path, 'is a file, not a directory', error);
  }

  async #explainMove(error: unknown, from: RemotePath, to: RemotePath, signal: AbortSignal): Promise<never> {
    const told = await this.#missing(error, from, signal);
    if (told === error && isFailure(error) && (await this.#typeOf(to, signal)) !== undefined)
      throw this.#exists(to, 'exists', error);
    throw told;
  }

  /** FAILURE, told apart by looking: `not-found` if there is nothing at `path`, else the error as it is. */
  async #missing(error: unknown, path: RemotePath, signal: AbortSignal): Promise<unknown> {
    if (!isFailure(error) || signal.aborted) return error;
    if ((await isThere(this.#session, this.#absolute(path), signal)) !== false) return error;
    const { message, cause } = error as StorageError;
    return new StorageError(
      'not-found',
      `${message}; looking shows that ${this.#place(path)} does not exist`,
      {
        cause,
      },
    );
  }

  #orMissing(path: RemotePath, signal: AbortSignal): (error: unknown) => Promise<never> {
    return async (error) => {
      throw await this.#missing(error, path, signal);
    };
  }

  /** FAILURE is also what OpenSSH says of a full disk. */
  async #orNoSpace(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (!this.#session.abilities.statvfs) return error;
    const about = { doing: 'look for space at', path: this.#root || '/', signal };
    const free = await this.#session.freeBytes(about).catch(() => undefined);
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

/** Hidden, of bounded length, and the same every time, so that what is left behind is removed by the next replacement. */
function asideName(name: string): string {
  return `.waybill-${createHash('sha256').update(name).digest('hex').slice(0, 12)}-replaced.part`;
}

/** What the server refuses may be passed over; that the session is over is thrown. */
function unlessAnswered(error: unknown): StorageError {
  if (error instanceof StorageError && statusOf(error.cause) !== undefined) return error;
  throw error;
}

/** The status that says nothing. */
function isFailure(error: unknown): boolean {
  return error instanceof StorageError && statusOf(error.cause) === Status.failure;
}
