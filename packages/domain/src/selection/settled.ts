/** What a listing said of a file at one time. */
export interface Look {
  /** By our clock. */
  readonly at: Date;
  /** Bytes. */
  readonly size: number;
  /** By the clock of the file's side. */
  readonly modifiedAt: Date;
}

/** What is known of how the file's side tells time. */
export interface OtherClock {
  /** Steps of `modifiedAt`, in milliseconds. */
  readonly timePrecisionMs: number;
  /** Their clock minus ours; `undefined` where nobody has measured it. */
  readonly clockOffsetMs: number | undefined;
}

/** Clocks that nobody compared may be so far apart. */
const UNMEASURED_OFFSET_MS = 60_000;

/** How long after the first look the second one has to be: shorter than a step of their clock proves nothing. */
export function settleGapMs(settleMs: number, { timePrecisionMs }: OtherClock): number {
  return settleMs === 0 ? 0 : Math.max(settleMs, timePrecisionMs);
}

/** Milliseconds since the last modification, by the clock of the file's side. */
export function ageMs({ at, modifiedAt }: Look, { clockOffsetMs = 0 }: OtherClock): number {
  return at.getTime() + clockOffsetMs - modifiedAt.getTime();
}

/**
 * Why a file may still be being written; `undefined` if it is taken for whole. One look is enough for a file that has
 * been left alone for well over `settleMs`, by the clock of its side; otherwise it takes two looks, an interval apart,
 * that saw the same. A file that something pauses in writing for longer can't be told from one that is whole.
 */
export function whyUnsettled(
  first: Look,
  second: Look | undefined,
  settleMs: number,
  clock: OtherClock,
): string | undefined {
  if (settleMs === 0) return undefined;
  const age = ageMs(first, clock);
  const quiet = quietMs(settleMs, clock);
  if (!second) {
    if (age >= quiet) return undefined;
    return age < 0
      ? `it was modified ${-age} ms in the future of the clock that its age is told by, and was looked at once`
      : `it was modified ${age} ms ago, less than ${quiet} ms, and was looked at once`;
  }
  if (second.size !== first.size) return `its size went from ${first.size} to ${second.size} bytes`;
  if (second.modifiedAt.getTime() !== first.modifiedAt.getTime())
    return `its time went from ${first.modifiedAt.toISOString()} to ${second.modifiedAt.toISOString()}`;
  const gap = second.at.getTime() - first.at.getTime();
  const needed = settleGapMs(settleMs, clock);
  if (age >= quiet || gap >= needed) return undefined;
  return `it was looked at twice within ${gap} ms, which have to be ${needed} ms apart`;
}

/** How far an age may be wrong because nobody compared the clocks. */
export function unmeasuredMs({ clockOffsetMs }: OtherClock): number {
  return clockOffsetMs === undefined ? UNMEASURED_OFFSET_MS : 0;
}

/** A file that was left alone for so long is settled at the first look. */
export function quietMs(settleMs: number, clock: OtherClock): number {
  return 2 * settleMs + 2 * clock.timePrecisionMs + unmeasuredMs(clock);
}
