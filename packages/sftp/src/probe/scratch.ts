import { randomBytes } from 'node:crypto';
import type { StorageError } from '@waybill/storage';
import { isAnswer } from '../errors.js';
import { isThere } from '../is-there.js';
import type { Session } from '../session.js';
import type { Attributes } from '../wire/messages.js';
import { failed, passed, type Verdict } from './steps.js';

/** Flags of SSH_FXP_OPEN. */
const READ = 0x01;
const WRITE = 0x02;
const CREATE = 0x08;
const TRUNCATE = 0x10;

/** How long cleaning up may take: it also happens after an abort. */
const CLEAN_UP_MS = 5_000;

/** What came of looking at a file that was there before. */
export type Look =
  | { readonly kind: 'there'; readonly attributes: Attributes }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly error: StorageError };

/** A file that was written and closed. */
export interface Written {
  readonly path: string;
  /** What the server said of its size while it was open; undefined if it did not say. */
  readonly openSize: number | undefined;
  /** Between these two, by our clock, the server wrote it. Milliseconds since 1970. */
  readonly since: number;
  readonly until: number;
}

/**
 * Where a probe makes its files: in a hidden directory below the root, or in the root itself where none can be made. It
 * opens no file that it did not make.
 */
export class Scratch {
  /** Of the directory, and what the names of files in the root begin with. */
  readonly name = `.waybill-probe-${randomBytes(6).toString('hex')}`;
  readonly #session: Session;
  readonly #root: string;
  readonly #signal: AbortSignal;
  #directory: string | undefined;
  /** Paths where a file of ours may be. */
  readonly #files = new Set<string>();

  /** @param root absolute, without a slash at the end */
  constructor(session: Session, root: string, signal: AbortSignal) {
    this.#session = session;
    this.#root = root;
    this.#signal = signal;
  }

  /** Nothing was made, nor tried to be made. */
  get untouched(): boolean {
    return this.#files.size === 0 && this.#directory === undefined;
  }

  /** @throws StorageError if none can be made: files are then made in the root */
  async makeDirectory(): Promise<void> {
    const directory = `${this.#root}/${this.name}`;
    // Already now: it may get made although its answer never comes.
    this.#directory = directory;
    try {
      await this.#session.makeDirectory(this.#about('make the directory', directory));
    } catch (error) {
      // Some servers make it, and say no all the same. Nobody else uses this name.
      if (!isAnswer(error)) throw error;
      if ((await this.look(directory)).kind === 'there') return;
      this.#directory = undefined;
      throw error;
    }
  }

  /** The absolute path of a file of ours, which cleaning up removes. */
  file(name: string): string {
    const file = this.#directory ? `${this.#directory}/${name}` : `${this.#root}/${this.name}-${name}`;
    this.#files.add(file);
    return file;
  }

  /**
   * Makes a file anew.
   * @param then what else to do with it while it is open
   * @throws StorageError
   */
  async write(
    name: string,
    content: Buffer,
    then?: (handle: Buffer, file: string) => Promise<void>,
  ): Promise<Written> {
    const file = this.file(name);
    const since = Date.now();
    const openSize = await this.#change(file, WRITE | CREATE | TRUNCATE, async (handle) => {
      await this.#session.write(handle, content, 0, this.#about('write to', file));
      await then?.(handle, file);
      return this.sizeOpen(handle, file);
    });
    return { path: file, openSize, since, until: Date.now() };
  }

  /** Opens a file of ours as it is, lets `work` do something with it, and closes it. @throws StorageError */
  reopen<T>(file: string, work: (handle: Buffer) => Promise<T>): Promise<T> {
    return this.#change(file, WRITE, work);
  }

  /** @returns undefined if the server does not say */
  async sizeOpen(handle: Buffer, file: string): Promise<number | undefined> {
    try {
      return (await this.#session.fstat(handle, this.#about('look at', file))).size;
    } catch (error) {
      if (isAnswer(error)) return undefined;
      throw error;
    }
  }

  /** Everything in a file of ours; at most `most` bytes. @throws StorageError */
  async read(file: string, most: number): Promise<Buffer> {
    const handle = await this.#session.open(READ, this.#about('open for reading', file));
    const pieces: Buffer[] = [];
    let bytes = 0;
    try {
      while (bytes < most) {
        const wanted = Math.min(most - bytes, this.#session.abilities.readBytes);
        const read = await this.#session.read(handle, wanted, bytes, this.#about('read', file));
        const length = read.reduce((sum, piece) => sum + piece.length, 0);
        if (length === 0) break;
        bytes += length;
        pieces.push(...read);
      }
    } finally {
      const closed = this.#session.closeQuietly(handle, file);
      if (!this.#signal.aborted) await closed;
    }
    return Buffer.concat(pieces);
  }

  /** @throws StorageError if the server does not answer */
  async look(file: string): Promise<Look> {
    try {
      return { kind: 'there', attributes: await this.#session.lstat(this.#about('look at', file)) };
    } catch (error) {
      if (!isAnswer(error)) throw error;
      if (error.code === 'not-found') return { kind: 'gone' };
      const missing = await isMissing(this.#session, file, error, this.#signal);
      return missing ? { kind: 'gone' } : { kind: 'refused', error };
    }
  }

  /** Removes a file of ours. @throws StorageError */
  async remove(file: string): Promise<void> {
    await this.#session.unlink(this.#about('remove', file));
    this.#files.delete(file);
  }

  /**
   * Removes all files and the directory, also after an abort. Never rejects.
   * @param session the one that made them, or another one if that has ended
   */
  async cleanUp(session: Session): Promise<Verdict> {
    const signal = AbortSignal.timeout(CLEAN_UP_MS);
    const left = new Set([...this.#files, ...(this.#directory ? [this.#directory] : [])]);
    try {
      const removeFile = async (path: string) => {
        const removing = session.unlink({ doing: 'remove', path, signal });
        if (await isGone(session, path, removing, signal)) left.delete(path);
      };
      await Promise.all([...this.#files].map(removeFile));
      if (this.#directory !== undefined) {
        const path = this.#directory;
        const removing = session.removeDirectory({ doing: 'remove the directory', path, signal });
        // A directory that could be removed was empty.
        if (await isGone(session, path, removing, signal)) left.clear();
      }
    } catch (error) {
      return failed(`${(error as Error).message}. ${this.#haveRemoved(left)}`);
    }
    if (left.size === 0) return passed('everything that was made is removed');
    return failed(`the account may not remove all that it made. ${this.#haveRemoved(left)}`);
  }

  #haveRemoved(left: ReadonlySet<string>): string {
    const what =
      this.#directory === undefined ? [...left].join(', ') : `${this.#directory} and what is in it`;
    return `Have the partner remove ${what}`;
  }

  /** @throws StorageError also of closing, which is when some servers tell that the disk is full */
  async #change<T>(file: string, flags: number, work: (handle: Buffer) => Promise<T>): Promise<T> {
    const handle = await this.#session.open(flags, this.#about('open for writing', file));
    let open = true;
    try {
      const result = await work(handle);
      open = false;
      await this.#session.close(handle, this.#about('close', file));
      return result;
    } finally {
      // Nobody waits: whatever is asked for next comes behind it on the same channel.
      if (open) void this.#session.closeQuietly(handle, file);
    }
  }

  #about(doing: string, file: string) {
    return { doing, path: file, signal: this.#signal };
  }
}

/** Was it removed, or is it not there anyway? @throws StorageError if the server does not answer */
async function isGone(
  session: Session,
  path: string,
  removing: Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await removing;
    return true;
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return error.code === 'not-found' || (await isMissing(session, path, error, signal));
  }
}

/** FAILURE is also what some servers say of a file that is missing. */
async function isMissing(
  session: Session,
  path: string,
  refusal: StorageError,
  signal: AbortSignal,
): Promise<boolean> {
  return refusal.code === 'unknown' && (await isThere(session, path, signal)) === false;
}
