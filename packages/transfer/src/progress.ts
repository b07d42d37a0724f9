import type { DeliveryState, Id } from '@waybill/domain';
import type { DeliveryRecord } from './run-journal.js';

/** How far a run is: over all its attempts. */
export interface Progress {
  readonly files: {
    readonly selected: number;
    readonly delivered: number;
    readonly failed: number;
    readonly skipped: number;
  };
  readonly bytesSelected: number;
  /** Acknowledged by the target, delivered or not; of a file that transforms change, what was read for them. */
  readonly bytesMoved: number;
  readonly moving: readonly { readonly sourcePath: string; readonly size: number; readonly bytes: number }[];
}

/** At most four reports a second. */
const REPORT_EVERY_MS = 250;

interface Position {
  readonly sourcePath: string;
  state: DeliveryState;
  size: number;
  /** Acknowledged by the target. */
  bytes: number;
  active: boolean;
}

/** Counts what becomes of each delivery, and reports it now and then. */
export class ProgressMeter {
  readonly #positions = new Map<Id, Position>();
  readonly #report: (progress: Progress) => void;
  #timer: NodeJS.Timeout | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(records: readonly DeliveryRecord[], report: (progress: Progress) => void) {
    this.#report = report;
    for (const { id, sourcePath, size, state } of records)
      this.#positions.set(id, {
        sourcePath,
        size,
        state,
        bytes: state === 'delivered' ? size : 0,
        active: false,
      });
  }

  moved(id: Id, bytes: number, size: number): void {
    this.#update(id, { state: 'moving', bytes, size, active: true });
  }

  /** The file is no longer moved: it reached `state`, or stays in it for the next attempt. */
  settled(id: Id, state?: DeliveryState): void {
    const position = this.#positions.get(id);
    if (!position) return;
    const bytes = state === 'delivered' ? position.size : position.bytes;
    this.#update(id, { bytes, active: false, ...(state && { state }) });
  }

  bytesDelivered(): number {
    return [...this.#positions.values()]
      .filter(({ state }) => state === 'delivered')
      .reduce((sum, { size }) => sum + size, 0);
  }

  /** The last report, at once. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#report(this.current());
  }

  current(): Progress {
    const all = [...this.#positions.values()];
    const inState = (state: DeliveryState) => all.filter((position) => position.state === state).length;
    return {
      files: {
        selected: all.length,
        delivered: inState('delivered'),
        failed: inState('failed'),
        skipped: inState('skipped'),
      },
      bytesSelected: all.reduce((sum, { size }) => sum + size, 0),
      bytesMoved: all.reduce((sum, { bytes }) => sum + bytes, 0),
      moving: all
        .filter(({ active }) => active)
        .map(({ sourcePath, size, bytes }) => ({ sourcePath, size, bytes })),
    };
  }

  #update(id: Id, change: Partial<Position>): void {
    const position = this.#positions.get(id);
    if (!position) return;
    Object.assign(position, change);
    if (this.#timer) return;
    const wait = Math.max(0, this.#reportedAt + REPORT_EVERY_MS - performance.now());
    this.#timer = setTimeout(() => this.#tick(), wait);
  }

  #tick(): void {
    this.#timer = undefined;
    this.#reportedAt = performance.now();
    this.#report(this.current());
  }
}
