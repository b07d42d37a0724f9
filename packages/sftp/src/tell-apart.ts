import { parentOf, type RemotePath } from '@waybill/domain';
import { type MoveOptions, StorageError } from '@waybill/storage';
import { type FileType, typeOf } from './attributes.js';
import { isAnswer, isStatus, Status } from './errors.js';
import { isThere } from './is-there.js';
import type { Session } from './session.js';
import type { Attributes } from './wire/messages.js';

/** What looking shows of a path. undefined: the server does not say. */
export type Presence = FileType | 'missing' | undefined;

interface PutTried {
  readonly signal: AbortSignal;
  readonly continues: boolean;
  readonly fresh: boolean;
}

/** Where an endpoint's paths lead. */
export interface Places {
  readonly session: Session;
  /** As the server knows it. */
  absolute(path: RemotePath): string;
  /** For messages. */
  describe(path: RemotePath): string;
}

/**
 * Many servers answer status 4, "Failure", whatever the reason. These functions find the reason by looking, and return
 * the error that says it; any other error comes back as it is. They look at as little as answers the question: two
 * requests at the same time as a rule, and a listing only of servers that do not even tell what is missing.
 */
export class TellApart {
  readonly #places: Places;

  constructor(places: Places) {
    this.#places = places;
  }

  /** A listing, or opening the listing. */
  async listing(error: unknown, directory: RemotePath, signal: AbortSignal): Promise<unknown> {
    if (!isFailure(error) || signal.aborted) return error;
    const found = await this.presence(directory, signal);
    if (found === 'missing') return this.#missing(error, directory);
    if (found === 'file') return this.#because(error, 'not-found', `${this.#at(directory)} is no directory`);
    return unexplained(error, this.#shown(directory, found));
  }

  /** A look at a file, or opening it for reading. */
  async reading(error: unknown, path: RemotePath, signal: AbortSignal): Promise<unknown> {
    if (!isFailure(error) || signal.aborted) return error;
    const found = await this.presence(path, signal);
    if (found === 'missing') return this.#missing(error, path);
    if (found === 'directory' || found === 'other')
      return this.#because(error, 'not-found', `${this.#at(path)} is no regular file`);
    return unexplained(error, this.#shown(path, found));
  }

  /**
   * Opening a file for writing, writing or closing it. `continues`: it has to be there already; `fresh`: it must not be.
   */
  async putting(error: unknown, path: RemotePath, { signal, continues, fresh }: PutTried): Promise<unknown> {
    if (!isFailure(error) || signal.aborted) return error;
    const [found, full] = await Promise.all([this.presence(path, signal), this.#isFull(path, signal)]);
    if (found === 'directory') return this.exists(path, 'is a directory', error);
    if (fresh && (found === 'file' || found === 'other')) return this.exists(path, 'is there already', error);
    if (full) return this.#noSpace(error, path);
    if (found === 'file') return unexplained(error, this.#shown(path, found));
    const missing = await this.#missingParent(error, path, signal);
    if (missing) return missing;
    if (found === 'missing' && continues) return this.#missing(error, path);
    return unexplained(error, this.#shown(parentOf(path), found));
  }

  /** @param replace a file under the new name is no reason to refuse */
  async moving(
    error: unknown,
    from: RemotePath,
    to: RemotePath,
    { signal, replace }: MoveOptions,
  ): Promise<unknown> {
    if (!isFailure(error) || signal.aborted) return error;
    const [source, target] = await Promise.all([this.presence(from, signal), this.presence(to, signal)]);
    if (source === 'missing') return this.#missing(error, from);
    if (target === 'missing') {
      const missing = parentOf(from) !== parentOf(to) && (await this.#missingParent(error, to, signal));
      return missing || unexplained(error, `${this.#shown(from, source)}; the new name is free`);
    }
    if (target === 'directory' || target === 'other') return this.exists(to, 'exists, and is no file', error);
    if (target === 'file' && !replace) return this.exists(to, 'exists', error);
    return unexplained(error, this.#shown(from, source));
  }

  /** `not-found` if there is no file to remove. Servers refuse in their own ways to remove a directory as a file. */
  async removing(error: unknown, path: RemotePath, signal: AbortSignal): Promise<unknown> {
    const refused = isFailure(error) || isStatus(error, Status.permissionDenied);
    if (!refused || signal.aborted) return error;
    const found = await this.presence(path, signal);
    if (found === 'missing') return this.#missing(error, path);
    if (found === 'directory')
      return this.#because(error, 'not-found', `${this.#at(path)} is a directory, no file`);
    return isFailure(error) ? unexplained(error, this.#shown(path, found)) : error;
  }

  /** Making a directory: `not-found` if its parent is missing, `already-exists` if there is a file. */
  async making(error: unknown, path: RemotePath, signal: AbortSignal): Promise<unknown> {
    if (!isFailure(error) || signal.aborted) return error;
    const [found, full] = await Promise.all([this.presence(path, signal), this.#isFull(path, signal)]);
    if (found === 'file') return this.exists(path, 'is a file, not a directory', error);
    if (found !== 'missing') return error;
    if (full) return this.#noSpace(error, path);
    return (await this.#missingParent(error, path, signal)) ?? error;
  }

  exists(path: RemotePath, how: string, cause?: unknown): StorageError {
    return new StorageError('already-exists', `${this.#at(path)} ${how}`, { cause });
  }

  /** One request, as a rule. Links are not followed: one is `other`. */
  async presence(path: RemotePath, signal: AbortSignal): Promise<Presence> {
    const { session, absolute } = this.#places;
    try {
      const stats = await session.lstat({ doing: 'look at', path: absolute(path), signal });
      return typeOf(stats) ?? 'other';
    } catch (error) {
      if (!isAnswer(error)) throw error;
      if (error.code === 'not-found') return 'missing';
      // Who answers FAILURE to a look may answer so to everything.
      if (!isFailure(error) || (await isThere(session, absolute(path), signal)) !== false) return undefined;
      return 'missing';
    }
  }

  /** undefined if nothing is there, or the server does not say. */
  async look(path: RemotePath, signal: AbortSignal): Promise<Attributes | undefined> {
    const about = { doing: 'look at', path: this.#places.absolute(path), signal };
    return this.#places.session.lstat(about).catch((error: unknown) => {
      if (isAnswer(error)) return undefined;
      throw error;
    });
  }

  async #missingParent(error: StorageError, path: RemotePath, signal: AbortSignal) {
    const parent = parentOf(path);
    return (await this.presence(parent, signal)) === 'missing' ? this.#missing(error, parent) : undefined;
  }

  /** False where the server does not tell of space. Quotas are not seen so. */
  async #isFull(path: RemotePath, signal: AbortSignal): Promise<boolean> {
    const { session, absolute } = this.#places;
    if (!session.abilities.statvfs) return false;
    const about = { doing: 'look for space at', path: absolute(parentOf(path)), signal };
    const free = await session.freeBytes(about).catch((refused: unknown) => {
      if (isAnswer(refused)) return undefined;
      throw refused;
    });
    return free === 0;
  }

  #missing(error: StorageError, path: RemotePath): StorageError {
    return this.#because(error, 'not-found', `looking shows that ${this.#at(path)} does not exist`);
  }

  #noSpace(error: StorageError, path: RemotePath): StorageError {
    return this.#because(
      error,
      'no-space',
      `looking shows that no space is left at ${this.#at(parentOf(path))}`,
    );
  }

  #because({ message, cause }: StorageError, code: StorageError['code'], found: string): StorageError {
    return new StorageError(code, `${message}; ${found}`, { cause });
  }

  #shown(path: RemotePath, found: Presence): string {
    return found === undefined
      ? `the server does not let us look at ${this.#at(path)}`
      : `looking shows that ${this.#at(path)} is there`;
  }

  #at(path: RemotePath): string {
    return this.#places.describe(path);
  }
}

/** What looking did not explain: only the server's own log has the reason. A reason in words stands. */
function unexplained(error: StorageError, found: string): StorageError {
  if (error.code !== 'unknown') return error;
  const { message, cause, owner } = error;
  const advice = 'ask the partner for what the log of the server says of this time';
  return new StorageError('unknown', `${message}; ${found}: ${advice}`, { cause, owner });
}

/** The status that says nothing. */
export function isFailure(error: unknown): error is StorageError {
  return isStatus(error, Status.failure);
}
