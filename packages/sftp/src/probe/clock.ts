const DAY_S = 86_400;
/** Clocks that are set to another time zone are off by less than this. */
const MOST_HOURS_OFF_S = 14 * 3600;
/** Steps that times are rounded to: of days, hours, minutes, and of FAT. */
const STEPS_S = [DAY_S, 3600, 60, 2];

/**
 * The time to give to a file whose time is then asked for, in seconds since 1970: of the day before yesterday, odd, and
 * no whole minute, hour or day. Recent, since some servers tell old times by the day alone.
 */
export function timeToSet(now: Date): number {
  const midnight = Math.floor(now.getTime() / 1000 / DAY_S) * DAY_S;
  return midnight - DAY_S - DAY_S + 13 * 3600 + 47 * 60 + 37;
}

/** Did the server take the time, give or take its steps and its time zone? If not, it tells that of the writing. */
export function tookTime(set: number, told: number): boolean {
  return Math.abs(told - set) <= MOST_HOURS_OFF_S;
}

/**
 * @param set as `timeToSet` has it
 * @param told for it by the server, which took it
 * @returns milliseconds; null if it can't be told
 */
export function timePrecisionOf(set: number, told: number): number | null {
  // A clock that is off by hours still counts minutes and seconds alike.
  if (told % 60 === set % 60) return 1000;
  const step = STEPS_S.find((seconds) => told % seconds === 0);
  const neighbour = Math.abs((told % 60) - (set % 60)) <= 1;
  // Even is what any other time may be, too.
  if (step === 2) return neighbour ? 2000 : null;
  return step === undefined ? null : step * 1000;
}

/** When a file was written: between these two by our clock, in milliseconds since 1970, and at `told` by the server's. */
export interface Stamp {
  readonly since: number;
  readonly until: number;
  /** Seconds since 1970, rounded down. */
  readonly told: number;
}

/** @returns milliseconds that the server's clock is ahead of ours; 0 if both may say the same */
export function clockOffsetOf({ since, until, told }: Stamp, precisionMs: number): number {
  const earliest = told * 1000 - until;
  const latest = told * 1000 + precisionMs - since;
  if (earliest <= 0 && latest >= 0) return 0;
  return Math.round((earliest + latest) / 2 / 1000) * 1000;
}
