import type { Duplex } from 'node:stream';
import { type FileAttributes, StorageError } from '@waybill/storage';
import type { Client } from 'ssh2';
import { type Abilities, abilitiesOf, type Known } from './abilities.js';
import { MAX_TIME } from './attributes.js';
import { connectionFailed, isAnswer, isStatus, requestFailed, Status } from './errors.js';
import { CLOSE_GRACE_MS } from './options.js';
import { Patience } from './patience.js';
import { type CommandEnd, runCommand } from './run-command.js';
import {
  type Attributes,
  Fields,
  fileAttributes,
  type Named,
  NO_ATTRIBUTES,
  Request,
  sizeAttribute,
  string,
  uint32,
} from './wire/messages.js';
import { type Receive, SftpChannel } from './wire/sftp-channel.js';

/** What a request is about, for messages. */
export interface About {
  /** Such as `write to`. */
  readonly doing: string;
  readonly path: string;
  readonly signal: AbortSignal;
  /** Milliseconds beyond the deadline that the server may need, and be silent for on the whole connection meanwhile. */
  readonly patienceMs?: number;
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
  #known: Known;
  #abilities: Abilities;
  readonly #client: Client;
  readonly #socket: Duplex;
  readonly #sftp: SftpChannel;
  readonly #patience: Patience;
  readonly #where: string;
  readonly #timeoutMs: number;
  readonly #log: (message: string) => void;
  readonly #pending = new Set<Pending>();
  /** Handles that nobody waits for. */
  readonly #closing = new Set<Promise<void>>();
  readonly #waiting = new Waiting();
  #watchdog: NodeJS.Timeout | undefined;
  /** `performance.now()` of the last answer, or of the first request after a time without any. */
  #lastSignOfLife = 0;
  #ended: StorageError | undefined;

  constructor(
    client: Client,
    socket: Duplex,
    sftp: SftpChannel,
    options: {
      where: string;
      timeoutMs: number;
      log: (message: string) => void;
      /** Of the connection, for a further channel of it. */
      lane?: Patience;
    },
  ) {
    this.#client = client;
    this.#socket = socket;
    this.#sftp = sftp;
    this.#where = options.where;
    this.#timeoutMs = options.timeoutMs;
    this.#log = options.log;
    this.#patience = options.lane ?? new Patience(client);
    // ssh2 keeps the server's name to itself.
    const { _remoteVer: software } = client as unknown as { _remoteVer?: string };
    this.#known = { software, extensions: sftp.extensions, limits: undefined, roundTripMs: 0 };
    this.#abilities = abilitiesOf(this.#known);
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
    sftp.onEnd(over);
  }

  /** Files that are read and written at this moment: they share the requests that may be outstanding. */
  readonly busy = { reads: 0, writes: 0 };

  /** As far as is known by now: outstanding requests grow with the time that a request takes. */
  get abilities(): Abilities {
    return this.#abilities;
  }

  /** What the server said of itself by now, and how far away it is. */
  get known(): Known {
    return this.#known;
  }

  /** Asks for the largest READ and WRITE where the server tells them. Until then small ones are used. */
  async learnLimits(signal: AbortSignal): Promise<void> {
    const name = 'limits@openssh.com';
    if (this.#known.extensions.get(name) !== '1') return;
    const about = { doing: 'ask for', path: name, signal };
    const told = await this.extended(name, EMPTY, about).catch((error: unknown) => {
      // Offered and then refused is as good as not offered.
      if (isAnswer(error)) return undefined;
      throw error;
    });
    if (told === undefined) return;
    const fields = new Fields(told);
    fields.uint64();
    this.#learn({ limits: { readBytes: fields.uint64(), writeBytes: fields.uint64() } });
  }

  /** Opens another channel of the same connection. Rejects if the server refuses it; this session serves on. */
  async openLane(): Promise<Session> {
    const sftp = await SftpChannel.open(this.#client);
    const options = {
      ...{ where: this.#where, timeoutMs: this.#timeoutMs, log: this.#log },
      lane: this.#patience,
    };
    return new Session(this.#client, this.#socket, sftp, options);
  }

  /** Where this session leads, for messages. */
  get where(): string {
    return this.#where;
  }

  open(flags: number, about: About): Promise<Buffer> {
    return this.#forHandle(Request.open, [string(about.path), uint32(flags), NO_ATTRIBUTES], about);
  }

  openDirectory(about: About): Promise<Buffer> {
    return this.#forHandle(Request.opendir, [string(about.path)], about);
  }

  close(handle: Buffer, about: About): Promise<void> {
    return this.#forStatus(Request.close, [string(handle)], about);
  }

  /** Where there is nothing to be done about a failure: the file was read, or an error is on its way already. */
  closeQuietly(handle: Buffer, path: string): Promise<void> {
    const about = { doing: 'close', path, signal: NEVER };
    const closing = this.close(handle, about)
      .catch((error: Error) => this.#log(error.message))
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    return closing;
  }

  /** @returns at most `length` bytes in pieces, which are the caller's; none at the end of the file */
  read(handle: Buffer, length: number, position: number, about: About): Promise<readonly Buffer[]> {
    return this.#request(about, (receive) => this.#sftp.read(handle, position, length, receive));
  }

  /** `bytes` may be used again as soon as this returns, before it resolves. */
  write(handle: Buffer, bytes: Buffer, position: number, about: About): Promise<void> {
    return this.#request(about, (receive) => this.#sftp.write(handle, position, bytes, receive));
  }

  /** @returns the next entries; undefined at the end */
  async readDirectory(handle: Buffer, about: About): Promise<Named[] | undefined> {
    try {
      return await this.#forNames(Request.readdir, [string(handle)], about);
    } catch (error) {
      if (isStatus(error, Status.eof)) return undefined;
      throw error;
    }
  }

  /** Follows symbolic links. */
  stat(about: About): Promise<Attributes> {
    return this.#forAttributes(Request.stat, [string(about.path)], about);
  }

  lstat(about: About): Promise<Attributes> {
    return this.#forAttributes(Request.lstat, [string(about.path)], about);
  }

  fstat(handle: Buffer, about: About): Promise<Attributes> {
    return this.#forAttributes(Request.fstat, [string(handle)], about);
  }

  truncate(handle: Buffer, size: number, about: About): Promise<void> {
    return this.#forStatus(Request.fsetstat, [string(handle), sizeAttribute(size)], about);
  }

  /** Times are cut to whole seconds. @throws StorageError `unsupported` for a time that version 3 can't tell */
  async setAttributes({ modifiedAt, mode }: FileAttributes, about: About): Promise<void> {
    const seconds = modifiedAt && secondsOf(modifiedAt);
    if (seconds !== undefined && (seconds < 0 || seconds > MAX_TIME))
      throw new StorageError(
        'unsupported',
        `cannot ${about.doing} ${about.path}: SFTP has no time ${modifiedAt?.toISOString()}`,
      );
    const attributes = fileAttributes({ mode, seconds });
    await this.#forStatus(Request.setstat, [string(about.path), attributes], about);
  }

  fsync(handle: Buffer, about: About): Promise<void> {
    return this.#forStatus(Request.extended, [string('fsync@openssh.com'), string(handle)], about);
  }

  async realpath(about: About): Promise<string> {
    const [found] = await this.#forNames(Request.realpath, [string(about.path)], about);
    if (found) return found.filename;
    throw new StorageError(
      'protocol-error',
      `cannot ${about.doing} ${about.path}: the answer of ${this.#where} is empty`,
    );
  }

  makeDirectory(about: About): Promise<void> {
    return this.#forStatus(Request.mkdir, [string(about.path), NO_ATTRIBUTES], about);
  }

  removeDirectory(about: About): Promise<void> {
    return this.#forStatus(Request.rmdir, [string(about.path)], about);
  }

  unlink(about: About): Promise<void> {
    return this.#forStatus(Request.remove, [string(about.path)], about);
  }

  /** As SFTP version 3 has it: fails if there is a file at `to`. */
  rename(to: string, about: About): Promise<void> {
    return this.#forStatus(Request.rename, [string(about.path), string(to)], about);
  }

  /** Replaces a file at `to` in one step. Only where `abilities.posixRename`. */
  posixRename(to: string, about: About): Promise<void> {
    const fields = [string('posix-rename@openssh.com'), string(about.path), string(to)];
    return this.#forStatus(Request.extended, fields, about);
  }

  /** Only where `abilities.statvfs`. @returns bytes that the account may still write */
  async freeBytes(about: About): Promise<number> {
    const found = new Fields(await this.extended('statvfs@openssh.com', string(about.path), about));
    const blockBytes = found.uint64();
    // What blocks are counted in. Left empty, the free ones still tell something from nothing.
    const fragmentBytes = found.uint64() || blockBytes || 1;
    // Blocks, and free ones; then those that are free for everybody.
    for (let skipped = 0; skipped < 2; skipped++) found.uint64();
    return found.uint64() * fragmentBytes;
  }

  /** Any other extension that answers with more than a status. @returns what follows the id in its answer */
  extended(name: string, payload: Buffer, about: About): Promise<Buffer> {
    return this.#request(about, (receive) => {
      const end = about.patienceMs === undefined ? undefined : this.#patience.begin(about.patienceMs);
      this.#sftp.forExtended(name, payload, (error, reply) => {
        end?.();
        receive(error, reply);
      });
    });
  }

  /** Runs a command in the account's shell, on a channel of its own. */
  async execute(
    command: string,
    { signal, patienceMs }: { readonly signal: AbortSignal; readonly patienceMs: number },
  ): Promise<CommandEnd> {
    const found = await runCommand(this.#client, command, {
      signal,
      deadlineMs: this.#timeoutMs + patienceMs,
    });
    if (this.#ended) throw this.#refusal({ doing: 'run a command on', path: this.#where, signal });
    return found;
  }

  /**
   * Says goodbye and hangs up, without waiting for the other side to do so; what is still outstanding fails. Only handles
   * that are being closed are waited for: some servers take away what was read then, and must not miss it.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS);
    const closed = new Promise<void>((resolve) => this.#client.once('close', () => resolve()));
    await Promise.race([Promise.all(this.#closing), closed]);
    this.#socket.once('finish', () => this.#socket.destroy());
    this.#fail(new StorageError('connection-lost', `the connection to ${this.#where} was closed by us`));
    this.#client.end();
    await closed.finally(() => clearTimeout(timer));
  }

  #forStatus(type: number, fields: readonly Buffer[], about: About): Promise<void> {
    return this.#request(about, (receive) => this.#sftp.forStatus(type, fields, receive));
  }

  #forHandle(type: number, fields: readonly Buffer[], about: About): Promise<Buffer> {
    const closeLate = (handle: Buffer) => this.closeQuietly(handle, about.path);
    return this.#request(about, (receive) => this.#sftp.forHandle(type, fields, receive), closeLate);
  }

  #forAttributes(type: number, fields: readonly Buffer[], about: About): Promise<Attributes> {
    return this.#request(about, (receive) => this.#sftp.forAttributes(type, fields, receive));
  }

  #forNames(type: number, fields: readonly Buffer[], about: About): Promise<Named[]> {
    return this.#request(about, (receive) => this.#sftp.forNames(type, fields, receive));
  }

  #request<T>(
    about: About,
    send: (receive: Receive<T>) => void,
    dropped?: (value: T) => unknown,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = about;
      if (signal.aborted) return reject(signal.reason);
      if (this.#ended) return reject(this.#refusal(about));
      const pending: Pending = { doing: `${about.doing} ${about.path}`, aborted: false, reject };
      const sentAt = this.#pending.size === 0 ? performance.now() : undefined;
      this.#await(pending, signal);
      send((error, value) => {
        this.#lastSignOfLife = performance.now();
        if (sentAt !== undefined) this.#measured(this.#lastSignOfLife - sentAt);
        this.#pending.delete(pending);
        this.#waiting.remove(pending, signal);
        // Rejecting again what was aborted does nothing.
        if (error) return reject(this.#failed(error, about));
        resolve(value as T);
        if (pending.aborted) dropped?.(value as T);
      });
    });
  }

  /** Of a request that had nothing before it: the shortest counts. */
  #measured(roundTripMs: number): void {
    const { roundTripMs: shortest } = this.#known;
    if (shortest === 0 || roundTripMs < shortest) this.#learn({ roundTripMs });
  }

  #learn(more: Partial<Known>): void {
    this.#known = { ...this.#known, ...more };
    this.#abilities = abilitiesOf(this.#known);
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
    const silentMs = performance.now() - Math.max(this.#lastSignOfLife, this.#patience.endedAt);
    const allowedMs = this.#timeoutMs + this.#patience.ms;
    // Timers may fire up to a millisecond early.
    if (silentMs < allowedMs - 1) {
      this.#watchdog = setTimeout(() => this.#watch(), allowedMs - silentMs);
      return;
    }
    this.#end(
      new StorageError(
        'timed-out',
        `cannot ${oldest.doing} on ${this.#where}: no answer within ${allowedMs} ms. Raise the endpoint's ` +
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

function secondsOf(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}

const EMPTY = Buffer.alloc(0);
const NEVER = new AbortController().signal;
