import type { Socket } from 'node:net';
import { StorageError } from '@waybill/storage';
import type { Attributes, Client, FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import { type Abilities, abilitiesOf } from './abilities.js';
import { connectionFailed, requestFailed, Status, statusOf } from './errors.js';
import { CLOSE_GRACE_MS, MAX_WINDOW_BYTES } from './options.js';
import { readOwned } from './read-owned.js';
import { widenReceiveWindow } from './receive-window.js';

type Answer<T> = (error: Error | null | undefined, value: T) => void;

/** What a request is about, for messages. */
export interface About {
  /** Such as `write to`. */
  readonly doing: string;
  readonly path: string;
  readonly signal: AbortSignal;
}

interface Pending {
  readonly doing: string;
  readonly reject: (reason: unknown) => void;
  /** Nobody waits for the answer any more; it still has to come in time. */
  aborted: boolean;
}

/** Rejects what waits under a signal when that is aborted: with one listener per signal, not one per request. */
class Waiting {
  readonly #bySignal = new Map<
    AbortSignal,
    { readonly pending: Set<Pending>; readonly onAbort: () => void }
  >();

  add(pending: Pending, signal: AbortSignal): void {
    let group = this.#bySignal.get(signal);
    if (group === undefined) {
      group = { pending: new Set(), onAbort: () => this.#abort(signal) };
      this.#bySignal.set(signal, group);
      signal.addEventListener('abort', group.onAbort, { once: true });
    }
    group.pending.add(pending);
  }

  remove(pending: Pending, signal: AbortSignal): void {
    const group = this.#bySignal.get(signal);
    if (!group?.pending.delete(pending) || group.pending.size > 0) return;
    this.#bySignal.delete(signal);
    signal.removeEventListener('abort', group.onAbort);
  }

  #abort(signal: AbortSignal): void {
    const group = this.#bySignal.get(signal);
    this.#bySignal.delete(signal);
    for (const pending of group?.pending ?? []) {
      pending.aborted = true;
      pending.reject(signal.reason);
    }
  }
}

/**
 * The requests of one SFTP channel, each with a deadline and an end. A request that is aborted rejects at once; its
 * answer is dropped when it comes, so the session stays in step and serves on. A request that is not answered in time
 * ends the session: nobody knows what the server will still do. Ended, a session fails everything at once; it never
 * connects again.
 */
export class Session {
  #abilities: Abilities;
  /** Milliseconds; the shortest that was seen of a request that had nothing before it. */
  #roundTripMs = Number.POSITIVE_INFINITY;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #sftp: SFTPWrapper;
  readonly #where: string;
  readonly #timeoutMs: number;
  readonly #log: (message: string) => void;
  readonly #pending = new Set<Pending>();
  readonly #waiting = new Waiting();
  #watchdog: NodeJS.Timeout | undefined;
  /** `performance.now()` of the last answer, or of the first request after a time without any. */
  #lastSignOfLife = 0;
  #ended: StorageError | undefined;

  constructor(
    client: Client,
    socket: Socket,
    sftp: SFTPWrapper,
    options: { where: string; timeoutMs: number; log: (message: string) => void; lane?: boolean },
  ) {
    this.#client = client;
    this.#socket = socket;
    this.#sftp = sftp;
    this.#where = options.where;
    this.#timeoutMs = options.timeoutMs;
    this.#log = options.log;
    this.#abilities = abilitiesOf(client, sftp, 0);
    widenReceiveWindow(sftp, MAX_WINDOW_BYTES);
    // One listener for each channel.
    client.setMaxListeners(0);
    const lost = (error: unknown) =>
      this.#end(connectionFailed(error, 'lost the connection to', this.#where));
    client.on('error', lost);
    client.on('close', () => lost(new Error('connection lost: it was closed')));
    // A further channel that the server gives up takes along what is outstanding on it, and nothing else.
    const over = options.lane
      ? (error: unknown) => this.#fail(connectionFailed(error, 'lost a channel to', this.#where))
      : lost;
    sftp.on('error', over);
    for (const event of ['end', 'close'])
      sftp.on(event, () => over(new Error('connection lost: the server ended the SFTP session')));
  }

  /** Files that are read and written at this moment: they share the requests that may be outstanding. */
  readonly busy = { reads: 0, writes: 0 };

  /** Their outstanding requests grow with the time that a request takes, as far as it was measured by now. */
  get abilities(): Abilities {
    return this.#abilities;
  }

  /** Opens another channel of the same connection. Rejects if the server refuses it; this session serves on. */
  async openLane(): Promise<Session> {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      this.#client.once('close', () => reject(new Error('the connection was closed')));
      this.#client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    const options = { where: this.#where, timeoutMs: this.#timeoutMs, log: this.#log, lane: true };
    return new Session(this.#client, this.#socket, sftp, options);
  }

  /** Where this session leads, for messages. */
  get where(): string {
    return this.#where;
  }

  open(flags: number, about: About): Promise<Buffer> {
    const closeLate = (handle: Buffer) => this.closeQuietly(handle, about.path);
    return this.#request(about, (answer) => this.#sftp.open(about.path, flags, answer), closeLate);
  }

  openDirectory(about: About): Promise<Buffer> {
    const closeLate = (handle: Buffer) => this.closeQuietly(handle, about.path);
    return this.#request(about, (answer) => this.#sftp.opendir(about.path, answer), closeLate);
  }

  close(handle: Buffer, about: About): Promise<void> {
    return this.#request(about, (answer) => this.#sftp.close(handle, answer as () => void));
  }

  /** Where there is nothing to be done about a failure: the file was read, or an error is on its way already. */
  closeQuietly(handle: Buffer, path: string): Promise<void> {
    const about = { doing: 'close', path, signal: NEVER };
    return this.close(handle, about).catch((error: Error) => this.#log(error.message));
  }

  /** @returns at most `length` bytes, which are the caller's; none at the end of the file */
  read(handle: Buffer, length: number, position: number, about: About): Promise<Buffer> {
    return this.#request(about, (answer) => readOwned(this.#sftp, { handle, length, position }, answer));
  }

  /** `bytes` may be used again as soon as this returns, before it resolves. */
  write(handle: Buffer, bytes: Buffer, position: number, about: About): Promise<void> {
    return this.#request(about, (answer) =>
      this.#sftp.write(handle, bytes, 0, bytes.length, position, answer as () => void),
    );
  }

  /** @returns the next entries; undefined at the end */
  async readDirectory(handle: Buffer, about: About): Promise<FileEntryWithStats[] | undefined> {
    try {
      return await this.#request(about, (answer) => this.#sftp.readdir(handle, answer));
    } catch (error) {
      if (error instanceof StorageError && statusOf(error.cause) === Status.eof) return undefined;
      throw error;
    }
  }

  /** Follows symbolic links. */
  stat(about: About): Promise<Stats> {
    return this.#request(about, (answer) => this.#sftp.stat(about.path, answer));
  }

  lstat(about: About): Promise<Stats> {
    return this.#request(about, (answer) => this.#sftp.lstat(about.path, answer));
  }

  fstat(handle: Buffer, about: About): Promise<Stats> {
    return this.#request(about, (answer) => this.#sftp.fstat(handle, answer));
  }

  truncate(handle: Buffer, size: number, about: About): Promise<void> {
    // ssh2 declares no attribute as optional, but sends only those that are there.
    const attributes = { size } as Attributes;
    return this.#request(about, (answer) => this.#sftp.fsetstat(handle, attributes, answer as () => void));
  }

  fsync(handle: Buffer, about: About): Promise<void> {
    return this.#request(about, (answer) => this.#sftp.ext_openssh_fsync(handle, answer as () => void));
  }

  realpath(about: About): Promise<string> {
    return this.#request(about, (answer) => this.#sftp.realpath(about.path, answer));
  }

  makeDirectory(about: About): Promise<void> {
    return this.#request(about, (answer) => this.#sftp.mkdir(about.path, answer as () => void));
  }

  unlink(about: About): Promise<void> {
    return this.#request(about, (answer) => this.#sftp.unlink(about.path, answer as () => void));
  }

  /** As SFTP version 3 has it: fails if there is a file at `to`. */
  rename(to: string, about: About): Promise<void> {
    return this.#request(about, (answer) => this.#sftp.rename(about.path, to, answer as () => void));
  }

  /** Replaces a file at `to` in one step. Only where `abilities.posixRename`. */
  posixRename(to: string, about: About): Promise<void> {
    return this.#request(about, (answer) =>
      this.#sftp.ext_openssh_rename(about.path, to, answer as () => void),
    );
  }

  /** Only where `abilities.statvfs`. @returns blocks that the account may still write */
  async freeBlocks(about: About): Promise<number> {
    const found = await this.#request<{ f_bavail?: unknown }>(about, (answer) =>
      (
        this.#sftp as unknown as { ext_openssh_statvfs(path: string, answer: Answer<object>): void }
      ).ext_openssh_statvfs(about.path, answer),
    );
    return Number(found.f_bavail);
  }

  /** Says goodbye and closes; what is still outstanding fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const closed = new Promise<void>((resolve) => this.#client.once('close', () => resolve()));
    this.#fail(new StorageError('connection-lost', `the connection to ${this.#where} was closed by us`));
    this.#client.end();
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS);
    await closed.finally(() => clearTimeout(timer));
  }

  #request<T>(about: About, send: (answer: Answer<T>) => void, dropped?: (value: T) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = about;
      if (signal.aborted) return reject(signal.reason);
      if (this.#ended) return reject(this.#refusal(about));
      const pending: Pending = { doing: `${about.doing} ${about.path}`, aborted: false, reject };
      const sentAt = this.#pending.size === 0 ? performance.now() : undefined;
      this.#await(pending, signal);
      const settle = (how: () => void) => {
        this.#pending.delete(pending);
        this.#waiting.remove(pending, signal);
        how();
      };
      try {
        send((error, value) => {
          this.#lastSignOfLife = performance.now();
          if (sentAt !== undefined) this.#measured(this.#lastSignOfLife - sentAt);
          // Rejecting again what was aborted does nothing.
          settle(() => (error ? reject(this.#failed(error, about)) : resolve(value)));
          if (pending.aborted && !error) dropped?.(value);
        });
      } catch (error) {
        settle(() => reject(requestFailed(error, about.doing, about.path, this.#where)));
      }
    });
  }

  #measured(roundTripMs: number): void {
    if (roundTripMs >= this.#roundTripMs) return;
    this.#roundTripMs = roundTripMs;
    this.#abilities = abilitiesOf(this.#client, this.#sftp, roundTripMs);
  }

  #failed(error: Error, about: About): StorageError {
    return this.#ended ? this.#refusal(about) : requestFailed(error, about.doing, about.path, this.#where);
  }

  #refusal(about: About): StorageError {
    const cause = this.#ended as StorageError;
    return new StorageError('connection-lost', `cannot ${about.doing} ${about.path}: ${cause.message}`, {
      cause,
    });
  }

  #await(pending: Pending, signal: AbortSignal): void {
    this.#waiting.add(pending, signal);
    if (this.#pending.size === 0) this.#lastSignOfLife = performance.now();
    this.#pending.add(pending);
    this.#watchdog ??= setTimeout(() => this.#watch(), this.#timeoutMs);
  }

  /**
   * The deadline of a request runs from the last answer to any request: with megabytes outstanding on a slow line,
   * each of them waits for its turn, and that is no failure. One timer serves all, instead of one per request.
   */
  #watch(): void {
    this.#watchdog = undefined;
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    const silentMs = performance.now() - this.#lastSignOfLife;
    // Timers may fire up to a millisecond early.
    if (silentMs < this.#timeoutMs - 1) {
      this.#watchdog = setTimeout(() => this.#watch(), this.#timeoutMs - silentMs);
      return;
    }
    this.#end(
      new StorageError(
        'timed-out',
        `cannot ${oldest.doing} on ${this.#where}: no answer within ${this.#timeoutMs} ms. Raise the endpoint's ` +
          'deadline if the server is known to be slow',
      ),
    );
  }

  #end(error: StorageError): void {
    if (this.#ended) return;
    this.#fail(error);
    this.#socket.destroy();
  }

  #fail(error: StorageError): void {
    if (this.#ended) return;
    this.#ended = error;
    clearTimeout(this.#watchdog);
    for (const pending of [...this.#pending]) pending.reject(error);
  }
}

const NEVER = new AbortController().signal;
