import type { AuditEvent } from '@waybill/audit';
import {
  advanceSchedules,
  appendAuditEvent,
  type Calendar,
  deleteCalendar,
  insertCalendar,
  listSchedules,
  lockCalendar,
  lockSchedulesOfCalendar,
  type Schedule,
  saveCalendar,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type Holiday, ICalendarRefused, newId, readHolidays } from '@waybill/domain';
import { nextOccurrence } from '@waybill/domain/occurrences';
import { changedMembers } from './changed.js';
import type { Context } from './context.js';
import { notFound, OperationError, withUniqueName } from './operation-error.js';
import { ruleOf } from './schedule-rule.js';

export interface CalendarInput {
  readonly name: string;
  /** Days of the week, 1 is Monday, 7 is Sunday. Default: Saturday and Sunday. */
  readonly weekend?: readonly number[] | undefined;
  /** In any order. Default: none. */
  readonly holidays?: readonly Holiday[] | undefined;
}

/** A holiday that comes back each year is imported for so many years from now. */
const YEARS_AHEAD = 10;

/** @throws OperationError `conflict` if the name is taken, `invalid` with the field at fault */
export async function createCalendar({ database, actor }: Context, input: CalendarInput): Promise<Calendar> {
  const { name, weekend = [6, 7], holidays = [] } = input;
  const values = { name, weekend: tidyWeekend(weekend), holidays: tidyHolidays(holidays) };
  return await transaction(database, async (tx) => {
    const calendar = await withUniqueName('calendar', name, () => insertCalendar(tx, newId(), values));
    await appendAuditEvent(tx, actor, {
      type: 'calendar.created',
      subject: { kind: 'calendar', id: calendar.id },
      data: dataOf(calendar),
    });
    return calendar;
  });
}

/**
 * Members left out stay as they are. The schedules that use the calendar go by what it says now.
 * @throws OperationError `not-found`, `conflict` if the name is taken, `invalid` with the field at fault
 */
export async function updateCalendar(
  { database, actor }: Context,
  idOrName: string,
  input: Partial<CalendarInput>,
  now: Date = new Date(),
): Promise<Calendar> {
  return await transaction(database, async (tx) => {
    const before = await lockCalendar(tx, idOrName);
    if (!before) throw notFound('calendar', idOrName);
    const values = {
      name: input.name ?? before.name,
      weekend: input.weekend ? tidyWeekend(input.weekend) : before.weekend,
      holidays: input.holidays ? tidyHolidays(input.holidays) : before.holidays,
    };
    const changed = changedMembers<CalendarInput>(before, values);
    if (changed.length === 0) return before;
    const calendar = await withUniqueName('calendar', values.name, () => saveCalendar(tx, before.id, values));
    await rescheduleBy(tx, calendar, now);
    await appendAuditEvent(tx, actor, {
      type: 'calendar.updated',
      subject: { kind: 'calendar', id: calendar.id },
      data: { ...dataOf(calendar), changed, ...differences(before.holidays, calendar.holidays) },
    });
    return calendar;
  });
}

/**
 * Replaces the holidays by the days of the events of an iCalendar text.
 * @throws OperationError `not-found`, `invalid` with the line that cannot be read
 */
export async function importHolidays(
  context: Context,
  idOrName: string,
  text: string,
  now: Date = new Date(),
): Promise<Calendar> {
  return await updateCalendar(context, idOrName, { holidays: readICalendar(text, now) }, now);
}

/** @throws OperationError `not-found`, `conflict` while a schedule uses it */
export async function removeCalendar({ database, actor }: Context, idOrName: string): Promise<Calendar> {
  return await transaction(database, async (tx) => {
    const calendar = await lockCalendar(tx, idOrName);
    if (!calendar) throw notFound('calendar', idOrName);
    const using = await listSchedules(tx, { limit: 5 }, { calendarId: calendar.id });
    if (using.items.length > 0) throw inUse(calendar, using.items, using.next !== undefined);
    await deleteCalendar(tx, calendar.id);
    await appendAuditEvent(tx, actor, {
      type: 'calendar.removed',
      subject: { kind: 'calendar', id: calendar.id },
      data: dataOf(calendar),
    });
    return calendar;
  });
}

function inUse({ name }: Calendar, schedules: readonly Schedule[], more: boolean): OperationError {
  const names = schedules.map((schedule) => schedule.name).join(', ');
  return new OperationError(
    'conflict',
    `calendar ${name} is used by ${names}${more ? ' and others' : ''}; give them another calendar first`,
  );
}

/** What has fallen due already, and is about to fire, is looked at again as well. */
async function rescheduleBy(tx: Transaction, calendar: Calendar, now: Date): Promise<void> {
  const schedules = (await lockSchedulesOfCalendar(tx, calendar.id)).filter(({ enabled }) => enabled);
  const next = schedules.map((schedule) => {
    const dealtWith = Math.min(now.getTime(), (schedule.nextDueAt ?? now).getTime() - 1);
    return { id: schedule.id, nextDueAt: nextOccurrence(ruleOf(schedule, calendar), new Date(dealtWith)) };
  });
  await advanceSchedules(tx, next);
}

function readICalendar(text: string, now: Date): Holiday[] {
  try {
    return readHolidays(text, now.getUTCFullYear() + YEARS_AHEAD);
  } catch (cause) {
    if (!(cause instanceof ICalendarRefused)) throw cause;
    throw new OperationError('invalid', cause.message, { field: '/text', cause });
  }
}

function tidyWeekend(weekend: readonly number[]): number[] {
  const days = [...new Set(weekend)].sort();
  if (days.length < 7) return days;
  throw new OperationError('invalid', 'somebody has to work: leave at least one day of the week', {
    field: '/weekend',
  });
}

function tidyHolidays(holidays: readonly Holiday[]): Holiday[] {
  const seen = new Set<string>();
  for (const [i, { date }] of holidays.entries()) {
    if (seen.has(date))
      throw new OperationError('invalid', `${date} is listed twice`, { field: `/holidays/${i}/date` });
    seen.add(date);
  }
  return [...holidays].sort((a, b) => (a.date < b.date ? -1 : 1));
}

function differences(before: readonly Holiday[], after: readonly Holiday[]) {
  const [old, current] = [before, after].map((list) => new Set(list?.map(({ date }) => date)));
  const added = after.map(({ date }) => date).filter((date) => !old?.has(date));
  const removed = before.map(({ date }) => date).filter((date) => !current?.has(date));
  return { ...(added.length > 0 && { added }), ...(removed.length > 0 && { removed }) };
}

type CalendarData = Extract<AuditEvent, { type: 'calendar.created' }>['data'];

function dataOf({ name, weekend, holidays }: Calendar): CalendarData {
  return { name, weekend, holidays: holidays.length };
}
