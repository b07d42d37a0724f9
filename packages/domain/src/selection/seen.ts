import type { Id } from '../ids.js';
import { ageMs, type Look, type OtherClock, quietMs } from './settled.js';

/** What a transfer delivered last from a path. */
export interface SeenFile {
  /** Bytes. */
  readonly size: number;
  /** By the clock of the file's side. */
  readonly modifiedAt: Date;
  /** Other content of the same size would have shown another time: see {@link isSteady}. */
  readonly steady: boolean;
  /** Hex, of the source's bytes. */
  readonly sha256: string;
  /** The run that delivered it. */
  readonly runId: Id;
  readonly deliveredAt: Date;
}

/**
 * Does content that is written after the look show another time? Not where the file was modified within the last steps
 * of its side's clock: what is written next may get the same time. Two looks an interval apart have outlasted a step.
 */
export function isSteady(first: Look, settleMs: number, clock: OtherClock): boolean {
  return settleMs > 0 || ageMs(first, clock) >= quietMs(0, clock);
}

/** Does a listing show of the file what it showed when it was delivered? Its content may be another one all the same. */
export function looksAsSeen(before: SeenFile, { size, modifiedAt }: Omit<Look, 'at'>): boolean {
  return size === before.size && modifiedAt.getTime() === before.modifiedAt.getTime();
}

/**
 * Why a file need not even be read, because it is what was delivered before. `undefined`: it is new, or its content has
 * to tell. No clock is compared with another one, and no time with "the last run": files may arrive with old times, and
 * a server's times may jump.
 */
export function whySeen(before: SeenFile, look: Omit<Look, 'at'>): string | undefined {
  if (!before.steady || !looksAsSeen(before, look)) return undefined;
  return `run ${before.runId} delivered it at ${before.deliveredAt.toISOString()}; its size and time are the same since`;
}
