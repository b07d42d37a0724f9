import {
  type BusinessCalendar,
  type EpochDay,
  isBusinessDay,
  isoDate,
  isoWeekday,
  nextBusinessDay,
} from './naming/business-day.js';
import type { HolidayCalendar, ScheduleRule } from './schedule.js';

type CalendarOf = NonNullable<ScheduleRule['calendar']>;

const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;

/** Does the rule move due times to other days? Else it leaves some out. */
export function isMoving(calendar: CalendarOf | undefined): boolean {
  return calendar?.rule === 'next-business-day' || calendar?.rule === 'previous-business-day';
}

/** Why nothing happens on the day; `undefined` if it does. */
export function whyLeftOut({ rule, days }: CalendarOf, day: EpochDay): string | undefined {
  if (rule === 'only-business-days' && !isBusinessDay(day, days))
    return `${describe(days, day)} is no business day of calendar ${days.name}`;
  if (rule === 'only-holidays' && !days.holidays.has(isoDate(day)))
    return `${isoDate(day)} is no holiday of calendar ${days.name}`;
  return undefined;
}

/** Where what falls due on the day goes, and how people call the day; `undefined` if it stays. */
export function moveToBusinessDay(
  { rule, days }: CalendarOf,
  day: EpochDay,
): { readonly day: EpochDay; readonly from: string } | undefined {
  if (isBusinessDay(day, days)) return undefined;
  return { day: nextBusinessDay(day, stepOf(rule), days), from: describe(days, day) };
}

/** The days whose due times may come to fall between `first` and `last`, or stay there. */
export function reachOf(
  { rule, days }: CalendarOf,
  first: EpochDay,
  last: EpochDay,
): { readonly first: EpochDay; readonly last: EpochDay } {
  // A day more on either side: where clocks are set over midnight, a day begins or ends on its neighbour.
  return stepOf(rule) > 0
    ? { first: nextBusinessDay(first - 1, -1, days), last: last + 1 }
    : { first: first - 1, last: nextBusinessDay(last + 1, 1, days) };
}

function stepOf(rule: CalendarOf['rule']): 1 | -1 {
  return rule === 'previous-business-day' ? -1 : 1;
}

function describe({ holidays }: HolidayCalendar, day: EpochDay): string {
  const title = holidays.get(isoDate(day)) || WEEKDAYS[isoWeekday(day) - 1];
  return `${isoDate(day)} (${title})`;
}

/** Is there any day to work on? */
export function hasBusinessDays({ weekend }: Pick<BusinessCalendar, 'weekend'>): boolean {
  return new Set(weekend).size < 7;
}
