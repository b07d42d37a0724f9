import { type Calendar, type Db, findCalendarsById, type Schedule, toHolidayCalendar } from '@waybill/db';
import type { ScheduleRule } from '@waybill/domain';
import { ScheduleRefused } from '@waybill/domain/occurrences';
import { OperationError } from './operation-error.js';

type RuleMembers = Pick<Schedule, 'cron' | 'timeZone' | 'pausedUntil'> & {
  readonly calendar: Pick<NonNullable<Schedule['calendar']>, 'rule'> | undefined;
};

/** When the schedule's transfer runs, as due times are computed from it. */
export function ruleOf(
  { cron, timeZone, pausedUntil, calendar }: RuleMembers,
  days: Calendar | undefined,
): ScheduleRule {
  if (!calendar) return { cron, timeZone, pausedUntil };
  if (!days) throw new Error(`the calendar of a schedule with the rule ${calendar.rule} is not there`);
  return { cron, timeZone, pausedUntil, calendar: { rule: calendar.rule, days: toHolidayCalendar(days) } };
}

export async function findRule(db: Db, schedule: Schedule): Promise<ScheduleRule> {
  return (await findRules(db, [schedule]))(schedule);
}

/** Reads the calendars of all schedules at once. */
export async function findRules(
  db: Db,
  schedules: readonly Schedule[],
): Promise<(schedule: Schedule) => ScheduleRule> {
  const ids = new Set(schedules.flatMap(({ calendar }) => (calendar ? [calendar.id] : [])));
  const calendars = await findCalendarsById(db, [...ids]);
  return (schedule) => ruleOf(schedule, schedule.calendar && calendars.get(schedule.calendar.id));
}

/** Runs `compute`; a rule that cannot be read is refused with its field. */
export function withReadableRule<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (!(error instanceof ScheduleRefused)) throw error;
    throw new OperationError('invalid', error.message, { field: `/${error.field}`, cause: error });
  }
}
