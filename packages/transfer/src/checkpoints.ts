import type { Hash } from 'node:crypto';
import type { Checkpoint } from './run-journal.js';

const WRITE_EVERY_MS = 1_000;

interface Pending {
  readonly bytes: number;
  /** The hash of exactly that prefix. */
  readonly hash: Hash;
}

/**
 * Writes down, while a file moves, which prefix of the part file could be continued: hashed by us and acknowledged
 * by the target. Prefixes only grow, one write is under way at a time, and the bytes never wait for it.
 */
export class Checkpoints {
  readonly #write: (checkpoint: Checkpoint) => Promise<void>;
  readonly #everyBytes: number;
  readonly #now: () => Date;
  #pending: Pending[] = [];
  #acknowledged: Pending | undefined;
  #lastHashed: number;
  #writing: Promise<void> | undefined;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #failure: { error: unknown } | undefined;

  constructor(options: {
    write: (checkpoint: Checkpoint) => Promise<void>;
    everyBytes: number;
    /** Where the move starts or continues. */
    start: number;
    now: () => Date;
  }) {
    this.#write = options.write;
    this.#everyBytes = options.everyBytes;
    this.#lastHashed = options.start;
    this.#now = options.now;
  }

  /** `hash` has taken in the first `bytes` of the file. Throws what an earlier write failed with. */
  hashed(bytes: number, hash: Pick<Hash, 'copy'>): void {
    if (this.#failure) throw this.#failure.error;
    if (bytes - this.#lastHashed < this.#everyBytes) return;
    this.#lastHashed = bytes;
    this.#pending.push({ bytes, hash: hash.copy() });
  }

  acknowledged(bytes: number): void {
    const reached = this.#pending.findLastIndex((pending) => pending.bytes <= bytes);
    if (reached >= 0) {
      this.#acknowledged = this.#pending[reached];
      this.#pending = this.#pending.slice(reached + 1);
    }
    if (this.#writing || this.#failure) return;
    if (this.#now().getTime() - this.#writtenAt >= WRITE_EVERY_MS) this.#writeNewest();
  }

  /** Waits for the write under way; throws what a write failed with. */
  async settle(): Promise<void> {
    await this.#writing;
    if (this.#failure) throw this.#failure.error;
  }

  /** The move was broken off: writes the longest acknowledged prefix. */
  async flush(): Promise<void> {
    await this.settle();
    this.#writeNewest();
    await this.settle();
  }

  #writeNewest(): void {
    const newest = this.#acknowledged;
    if (!newest) return;
    this.#acknowledged = undefined;
    this.#writtenAt = this.#now().getTime();
    this.#writing = this.#write({ bytes: newest.bytes, sha256: newest.hash.digest('hex') })
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#writing = undefined;
      });
  }
}
