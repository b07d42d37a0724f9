import type { Session } from './session.js';

/** A handle of the file on one of the channels. */
export interface WriteLane {
  readonly session: Pick<Session, 'write'>;
  readonly handle: Buffer;
  outstanding: number;
}

/**
 * The channels of one connection beyond the first, shared by all files of the endpoint. Opened when a file asks for
 * them; they end with the connection. A server that refuses one is not asked for more.
 */
export class Channels {
  readonly #first: Session;
  readonly #most: number;
  readonly #log: (message: string) => void;
  readonly #opened: Promise<Session | undefined>[] = [];
  #refused = false;

  /** @param most channels, the first included: the bound that the operator sets */
  constructor(first: Session, most: number, log: (message: string) => void) {
    this.#first = first;
    this.#most = most;
    this.#log = log;
  }

  /** As many as the line asks for, within the bound, the first left out; each is undefined if the server refused it. */
  more(): readonly Promise<Session | undefined>[] {
    const wanted = Math.min(this.#most, this.#first.abilities.lanesWanted) - 1;
    while (this.#opened.length < wanted && !this.#refused) this.#opened.push(this.#open());
    return this.#opened;
  }

  async #open(): Promise<Session | undefined> {
    try {
      return await this.#first.openLane();
    } catch (error) {
      if (!this.#refused)
        this.#log(`no further channel to ${this.#first.where}: ${(error as Error).message}`);
      this.#refused = true;
      return undefined;
    }
  }
}

/** Flag of SSH_FXP_OPEN: neither makes nor empties the file. */
const WRITE = 0x02;

/** The handles through which one file is written: one at first, more as channels get ready. */
export class WriteLanes {
  readonly first: WriteLane;
  readonly #channels: Channels | undefined;
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #extra: (WriteLane & { readonly session: Session })[] = [];
  #grown = false;
  #ended = false;

  constructor(first: WriteLane, options: { channels?: Channels; path: string; signal: AbortSignal }) {
    this.first = first;
    this.#channels = options.channels;
    this.#path = options.path;
    this.#signal = options.signal;
  }

  /** The one with the least on its way. */
  get idlest(): WriteLane {
    return this.#extra.reduce<WriteLane>(
      (best, lane) => (lane.outstanding < best.outstanding ? lane : best),
      this.first,
    );
  }

  /** The file fills its first channel: from now on the others may help. */
  grow(onReady: () => void): void {
    if (this.#grown) return;
    this.#grown = true;
    for (const channel of this.#channels?.more() ?? []) void this.#join(channel, onReady);
  }

  /** Closes the handles on the other channels. Rejects if the server says that bytes were lost. */
  async close(): Promise<void> {
    this.#ended = true;
    const about = { doing: 'close', path: this.#path, signal: this.#signal };
    await Promise.all(this.#extra.splice(0).map(({ session, handle }) => session.close(handle, about)));
  }

  /** After a failure, which says more than anything that closing could. */
  async closeQuietly(): Promise<void> {
    this.#ended = true;
    await Promise.all(
      this.#extra.splice(0).map(({ session, handle }) => session.closeQuietly(handle, this.#path)),
    );
  }

  async #join(opening: Promise<Session | undefined>, onReady: () => void): Promise<void> {
    const session = await opening;
    if (session === undefined || this.#ended) return;
    const about = { doing: 'open on another channel', path: this.#path, signal: this.#signal };
    // Some servers let a file be opened once only: then its first channel has to do.
    const handle = await session.open(WRITE, about).catch(() => undefined);
    if (handle === undefined) return;
    if (this.#ended) return session.closeQuietly(handle, this.#path);
    this.#extra.push({ session, handle, outstanding: 0 });
    onReady();
  }
}
