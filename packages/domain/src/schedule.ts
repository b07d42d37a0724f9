import type { BusinessCalendar } from './naming/business-day.js';

export const catchUpRules = ['skip', 'latest', 'all'] as const;
/** What happens with occurrences that fell due while no scheduler ran. */
export type CatchUpRule = (typeof catchUpRules)[number];

export const calendarRules = [
  'only-business-days',
  'only-holidays',
  'next-business-day',
  'previous-business-day',
] as const;
/** What a calendar does to the due times of a schedule: leave some out, or move them at the same local time. */
export type CalendarRule = (typeof calendarRules)[number];

export const overlapRules = ['queue', 'skip'] as const;
/** What happens with an occurrence that falls due while a run of the transfer is queued or running. */
export type OverlapRule = (typeof overlapRules)[number];

export interface Holiday {
  /** `2026-12-25`. */
  readonly date: string;
  readonly title: string;
}

/** A calendar with what people call it and its holidays. */
export interface HolidayCalendar extends BusinessCalendar {
  readonly name: string;
  /** Titles by date, such as `2026-12-25`. */
  readonly holidays: ReadonlyMap<string, string>;
}

/** When a transfer runs. */
export interface ScheduleRule {
  /** Five crontab fields: minute, hour, day of month, month, day of week. */
  readonly cron: string;
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string;
  readonly calendar?: { readonly rule: CalendarRule; readonly days: HolidayCalendar } | undefined;
  /** What falls due before is skipped. */
  readonly pausedUntil?: Date | undefined;
}
