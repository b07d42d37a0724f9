import { setMaxListeners } from 'node:events';

/** Milliseconds that only go forward, and a way to be called later. */
export interface Timekeeper {
  now(): number;
  /** @returns calls it off */
  after(ms: number, call: () => void): () => void;
}

const monotonic: Timekeeper = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

const LARGEST_PIECE = 65_536;
const SMALLEST_PIECE = 1_024;
/** So that slow lines move several times a second. */
const PIECES_A_SECOND = 8;

/**
 * Lets bytes pass at a rate, to whoever asks for them, in the order of asking. In any span of time no more pass than the
 * rate allows in it, plus one piece. Without a rate everything passes at once.
 */
export class Throttle {
  readonly #time: Timekeeper;
  readonly #queue: Waiting[] = [];
  #rate: number | undefined;
  /** Bytes that may pass now. */
  #credit = 0;
  #countedAt = 0;
  #callOff = () => {};

  constructor(time: Timekeeper = monotonic) {
    this.#time = time;
  }

  /** Bytes per second from now on, also for who waits already; undefined: no limit. */
  set rate(bytesPerSecond: number | undefined) {
    this.#count();
    if (this.#rate === undefined) this.#credit = 0;
    this.#rate = bytesPerSecond;
    this.#serve();
  }

  get limited(): boolean {
    return this.#rate !== undefined;
  }

  /** The most that should be asked for at once: several lanes then take turns. */
  get pieceBytes(): number {
    const rate = this.#rate ?? Number.POSITIVE_INFINITY;
    return Math.max(SMALLEST_PIECE, Math.min(LARGEST_PIECE, Math.floor(rate / PIECES_A_SECOND)));
  }

  /** What passes within a second: more need not be asked of the other side ahead. */
  get aheadBytes(): number {
    return this.#rate ?? Number.POSITIVE_INFINITY;
  }

  /** Resolves when so many bytes may pass; rejects with the signal's reason as soon as it is aborted. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.limited) return;
    // All lanes of a run share one signal: many listeners are no leak, each is taken away again.
    setMaxListeners(0, signal);
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        this.#serve();
        reject(signal.reason);
      };
      const go = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const waiting = { bytes, go };
      signal.addEventListener('abort', abort, { once: true });
      this.#queue.push(waiting);
      if (this.#queue.length === 1) this.#serve();
    });
  }

  #serve(): void {
    this.#callOff();
    this.#count();
    for (let next = this.#queue[0]; next && this.#covers(next); next = this.#queue[0]) {
      this.#credit -= next.bytes;
      this.#queue.shift();
      next.go();
    }
    const [next] = this.#queue;
    if (next === undefined || this.#rate === undefined) return;
    const ms = Math.ceil(((next.bytes - this.#credit) * 1_000) / this.#rate);
    this.#callOff = this.#time.after(ms, () => this.#serve());
  }

  #covers({ bytes }: Waiting): boolean {
    return this.#rate === undefined || this.#credit >= bytes;
  }

  /** What nobody took is kept up to one piece. */
  #count(): void {
    const now = this.#time.now();
    const earned = ((this.#rate ?? 0) * (now - this.#countedAt)) / 1_000;
    const kept = Math.max(this.pieceBytes, this.#queue[0]?.bytes ?? 0);
    this.#credit = Math.max(0, Math.min(kept, this.#credit + earned));
    this.#countedAt = now;
  }
}
