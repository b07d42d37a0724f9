/** Which days nobody works on. */
export interface BusinessCalendar {
  /** Days of the week, 1 is Monday, 7 is Sunday. */
  readonly weekend: readonly number[];
  /** `2026-12-25`. */
  readonly holidays: { has(date: string): boolean };
}

/** Saturday and Sunday, no holidays. */
export const weekendsOnly: BusinessCalendar = { weekend: [6, 7], holidays: new Set() };

/** Days since 1 January 1970 of the Gregorian calendar: a date that is in no time zone. */
export type EpochDay = number;

const DAY_MS = 86_400_000;

/** `month` 1 to 12. Days beyond the end of the month run over into the next one. */
export function epochDay(year: number, month: number, day: number): EpochDay {
  return Math.round(Date.UTC(year, month - 1, day) / DAY_MS);
}

export function dateOf(day: EpochDay): { year: number; month: number; day: number } {
  const date = new Date(day * DAY_MS);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/** The same day so many months later, or the last one of a month that has no such day. */
export function addMonths(start: EpochDay, months: number): EpochDay {
  const { year, month, day } = dateOf(start);
  const first = dateOf(epochDay(year, month + months, 1));
  const last = epochDay(first.year, first.month + 1, 0);
  return Math.min(epochDay(first.year, first.month, day), last);
}

export function isBusinessDay(day: EpochDay, { weekend, holidays }: BusinessCalendar): boolean {
  return !weekend.includes(isoWeekday(day)) && !holidays.has(isoDate(day));
}

/** 1 is Monday, 7 is Sunday. */
export function isoWeekday(day: EpochDay): number {
  return new Date(day * DAY_MS).getUTCDay() || 7;
}

/** `2026-12-25`. */
export function isoDate(day: EpochDay): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/**
 * So many business days after `start`, before it if negative. 0: `start` itself or, if nobody works then, the next
 * business day.
 * @throws RangeError if the calendar has no business day within ten years
 */
export function addBusinessDays(start: EpochDay, count: number, calendar: BusinessCalendar): EpochDay {
  const step = count < 0 ? -1 : 1;
  let day = count === 0 ? start - 1 : start;
  for (let left = Math.max(1, Math.abs(count)); left > 0; left--) day = nextBusinessDay(day, step, calendar);
  return day;
}

/** The next one if `step` is 1, the one before if it is -1. @throws RangeError as `addBusinessDays` does */
export function nextBusinessDay(after: EpochDay, step: 1 | -1, calendar: BusinessCalendar): EpochDay {
  for (let days = 1; days <= 3_653; days++) {
    const day = after + days * step;
    if (isBusinessDay(day, calendar)) return day;
  }
  throw new RangeError('the calendar has no business day within ten years');
}
