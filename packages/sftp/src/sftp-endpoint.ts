import { createHash } from 'node:crypto';
import { baseName, parentOf, printableName, type RemotePath } from '@waybill/domain';
import { asidePathOf, type PartNaming } from '@waybill/domain/naming';
import {
  type Abortable,
  type EndpointProperties,
  type FileAttributes,
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
import { isAnswer } from './errors.js';
import { findRoot } from './find-root.js';
import { listDirectory } from './list-directory.js';
import type { SftpOptions } from './options.js';
import { pipelinedRead } from './pipelined-read.js';
import { putFile } from './put-file.js';
import { HashTeller } from './remote-hash.js';
import type { About, Session } from './session.js';
import { type Strategy, strategyFor } from './strategy.js';
import { TellApart } from './tell-apart.js';
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
    return new SftpEndpoint(session, {
      ...{ strategy, channels, hashes, root },
      partNaming: options.partNaming,
    });
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
  readonly partNaming?: PartNaming | undefined;
}

/** An account over an open session. */
export class SftpEndpoint implements StorageEndpoint {
  readonly label: string;
  readonly properties: EndpointProperties;
  readonly #session: Session;
  readonly #channels: Channels;
  readonly #strategy: Strategy;
  readonly #hashes: HashTeller;
  readonly #root: string;
  /** Regular files, since this endpoint made them; until they are moved or removed through it. */
  readonly #put = new Set<RemotePath>();
  readonly #tellApart: TellApart;
  readonly #turns = new Turns();

  constructor(session: Session, { strategy, channels, hashes, root, partNaming }: Parts) {
    this.#session = session;
    this.#channels = channels;
    this.#hashes = hashes;
    this.#strategy = strategy;
    this.#root = root;
    this.#tellApart = new TellApart({
      session,
      absolute: (path) => this.#absolute(path),
      describe: (path) => this.#place(path),
    });
    this.label = session.where + (root.startsWith('/') ? root : `/${root}`);
    this.properties = {
      atomicReplace: strategy.posixRename,
      timePrecisionMs: strategy.timePrecisionMs,
      concurrent: true,
      continues: strategy.continues,
      keepsDirectories: true,
      partNaming,
    };
  }

  async *list(directory: RemotePath, { signal }: Abortable): AsyncGenerator<ListEntry> {
    const plan = { directory, absolute: this.#absolute(directory), signal };
    try {
      yield* listDirectory(this.#session, plan);
    } catch (error) {
      throw await this.#tellApart.listing(error, directory, signal);
    }
  }

  async stat(path: RemotePath, { signal }: Abortable): Promise<FileInfo> {
    const about = { doing: 'look at', path: this.#absolute(path), signal };
    const stats = await this.#session.lstat(about).catch(this.#told(path, signal));
    if (typeOf(stats) !== 'file') throw this.#notRegular(path);
    return fileInfo(path, stats, this.label);
  }

  async *read(path: RemotePath, { signal, start = 0, aheadBytes }: ReadOptions): AsyncGenerator<Uint8Array> {
    const absolute = this.#absolute(path);
    const about = { doing: 'open for reading', path: absolute, signal };
    // Both at once, to save a round trip. Servers that let nobody look may still let us read.
    const [looked, opened] = await Promise.allSettled([
      this.#tellApart.look(path, signal),
      this.#session.open(READ, about).catch(this.#told(path, signal)),
    ]);
    if (opened.status === 'rejected') throw opened.reason;
    const handle = opened.value;
    try {
      if (looked.status === 'rejected') throw looked.reason;
      const stats = looked.value;
      const type = stats && typeOf(stats);
      if (type !== undefined && type !== 'file') throw this.#notRegular(path);
      const plan = { handle, path: absolute, start, expected: stats?.size, aheadBytes, signal };
      yield* pipelinedRead(this.#session, plan);
    } finally {
      // Nobody waits: whatever is asked for next comes behind it on the same channel.
      void this.#session.closeQuietly(handle, absolute);
    }
  }

  async put(path: RemotePath, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<FileInfo> {
    const { signal, start = 0, fresh = false } = options;
    const source = remembering(body);
    let opened = false;
    // Looked at before, since some servers take no notice of what a file is to be opened for.
    if (fresh && (await this.#typeOf(path, signal)) !== undefined)
      throw this.#tellApart.exists(path, 'is there already');
    try {
      const plan = {
        ...options,
        path,
        absolute: this.#absolute(path),
        channels: this.#channels,
        continues: this.properties.continues,
        onOpened: () => {
          opened = true;
          options.onProgress?.(start);
        },
      };
      const held = await putFile(this.#session, source.body, plan);
      this.#put.add(path);
      return held;
    } catch (error) {
      // What the body threw may be another server's answer.
      if (error === source.thrown) throw error;
      throw await this.#tellApart.putting(error, path, {
        ...{ signal, continues: start > 0 },
        fresh: fresh && !opened,
      });
    }
  }

  async move(from: RemotePath, to: RemotePath, options: MoveOptions): Promise<void> {
    const { signal, replace } = options;
    const target = this.#absolute(to);
    const about = { doing: `rename to ${printableName(target)}`, path: this.#absolute(from), signal };
    const tell = async (error: unknown) => {
      throw await this.#tellApart.moving(error, from, to, options);
    };
    if (replace && this.properties.atomicReplace) {
      await this.#refuseUnlessRegular(from, signal);
      await this.#session.posixRename(target, about).catch(tell);
      return;
    }
    await this.#turns.take(to, signal, async () => {
      // Looked at before, since with some servers rename replaces.
      const [there] = await Promise.all([
        replace ? this.#putBack(to, signal) : this.#typeOf(to, signal),
        this.#refuseUnlessRegular(from, signal),
      ]);
      if (there !== undefined && !replace) throw this.#tellApart.exists(to, 'exists');
      await (there === 'file' ? this.#replace(to, about) : this.#session.rename(target, about)).catch(tell);
    });
  }

  async recover(path: RemotePath, { signal }: Abortable): Promise<void> {
    await this.#turns.take(path, signal, async () => {
      await this.#putBack(path, signal);
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
   * where the new one can't take its place: at once, or by `#putBack` where the connection was lost in between.
   */
  async #replaceInSteps(to: RemotePath, about: About): Promise<void> {
    const session = this.#session;
    const { signal } = about;
    const target = this.#absolute(to);
    const aside = this.#absolute(asidePath(to));
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

  /**
   * Ends a `#replaceInSteps` that was interrupted: the old file comes back if no other took its place, and is removed if
   * one did.
   * @returns what is at `to` then; undefined if nothing is, or the server does not say
   */
  async #putBack(to: RemotePath, signal: AbortSignal): Promise<FileType | undefined> {
    const [there, leftover] = await Promise.all([
      this.#typeOf(to, signal),
      this.#typeOf(asidePath(to), signal),
    ]);
    if (leftover !== 'file') return there;
    const aside = this.#absolute(asidePath(to));
    if (there === 'file')
      await this.#session.unlink({ doing: 'remove', path: aside, signal }).catch(unlessAnswered);
    if (there !== undefined || (await this.#tellApart.presence(to, signal)) !== 'missing') return there;
    const target = this.#absolute(to);
    const about = { doing: `rename back to ${printableName(target)}`, path: aside, signal };
    await this.#session.rename(target, about).catch(unlessAnswered);
    return await this.#typeOf(to, signal);
  }

  async remove(path: RemotePath, { signal }: Abortable): Promise<void> {
    this.#put.delete(path);
    if (this.#session.abilities.quirks.removesDirectories) {
      if ((await this.#typeOf(path, signal)) === 'directory') return;
    }
    try {
      await this.#session.unlink({ doing: 'remove', path: this.#absolute(path), signal });
    } catch (error) {
      const told = await this.#tellApart.removing(error, path, signal);
      if (!(told instanceof StorageError && told.code === 'not-found')) throw told;
    }
  }

  async setAttributes(path: RemotePath, attributes: FileAttributes, { signal }: Abortable): Promise<void> {
    const about = { doing: 'set the attributes of', path: this.#absolute(path), signal };
    await this.#session.setAttributes(attributes, about).catch(this.#told(path, signal));
  }

  async makeDirectory(path: RemotePath, { signal }: Abortable): Promise<void> {
    if (path === '') return;
    const about = { doing: 'make the directory', path: this.#absolute(path), signal };
    try {
      await this.#session.makeDirectory(about);
    } catch (thrown) {
      const error = await this.#tellApart.making(thrown, path, signal);
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
      if (!isAnswer(error) || error.code === 'not-found') throw error;
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
    const stats = await this.#tellApart.look(path, signal);
    return stats && typeOf(stats);
  }

  /** mkdir failed: that is a success if there is a directory, perhaps behind a link or made by somebody else just now. */
  async #acceptDirectory(error: unknown, path: RemotePath, signal: AbortSignal): Promise<void> {
    if (!isAnswer(error) || error.code === 'no-space') throw error;
    const about = { doing: 'look at', path: this.#absolute(path), signal };
    const stats = await this.#session.stat(about).catch((refused: unknown) => {
      if (refused instanceof StorageError && refused.code === 'permission-denied') return refused;
      throw error;
    });
    // Nobody may look: if there is no directory, whatever is put into it says so.
    if (stats instanceof StorageError) return;
    if (typeOf(stats) !== 'directory')
      throw this.#tellApart.exists(path, 'is a file, not a directory', error);
  }

  #told(path: RemotePath, signal: AbortSignal): (error: unknown) => Promise<never> {
    return async (error) => {
      throw await this.#tellApart.reading(error, path, signal);
    };
  }

  #notRegular(path: RemotePath): StorageError {
    return new StorageError('not-found', `${this.#place(path)} is no regular file`);
  }

  #place(path: RemotePath): string {
    return `${this.label}/${printableName(path)}`;
  }
}

function asidePath(path: RemotePath): RemotePath {
  return asidePathOf(path, createHash('sha256').update(baseName(path)).digest('hex').slice(0, 12));
}

/** @returns the same body, and what it threw */
function remembering(body: AsyncIterable<Uint8Array>) {
  const source = { thrown: undefined as unknown, body: watched() };
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      source.thrown = error;
      throw error;
    }
  }
  return source;
}

/** What the server refuses may be passed over; that the session is over is thrown. */
function unlessAnswered(error: unknown): StorageError {
  if (isAnswer(error)) return error;
  throw error;
}
