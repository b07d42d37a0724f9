import type { RemotePath } from '@waybill/domain';
import { untilAborted } from './until-aborted.js';

/**
 * Lets moves onto one name go one after the other: where the other side does not keep a move from replacing, nothing
 * else would stop the second from seeing an empty place before the first has filled it.
 */
export class Turns {
  /** The last move onto each name, and the ones before it. */
  readonly #last = new Map<RemotePath, Promise<unknown>>();

  /** Runs `move` once all moves onto `path` that were asked for before have ended, however they did. */
  async take(path: RemotePath, signal: AbortSignal, move: () => Promise<void>): Promise<void> {
    const before = this.#last.get(path) ?? Promise.resolve();
    const mine = untilAborted(before, signal).then(move);
    const turn = Promise.allSettled([before, mine]);
    this.#last.set(path, turn);
    try {
      await mine;
    } finally {
      if (this.#last.get(path) === turn) this.#last.delete(path);
    }
  }
}
