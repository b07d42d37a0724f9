import { type Holiday, type HolidayCalendar, type Id, isId } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { Calendar as Row } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** Which days nobody works on. */
export interface Calendar {
  readonly id: Id;
  readonly name: string;
  /** Days of the week, 1 is Monday, 7 is Sunday. */
  readonly weekend: readonly number[];
  /** By date, each date once. */
  readonly holidays: readonly Holiday[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface CalendarValues {
  readonly name: string;
  readonly weekend: readonly number[];
  readonly holidays: readonly Holiday[];
}

export async function insertCalendar(db: Db, id: Id, values: CalendarValues): Promise<Calendar> {
  return toCalendar(await clientOf(db).calendar.create({ data: { id, ...toColumns(values) } }));
}

export async function saveCalendar(db: Db, id: Id, values: CalendarValues): Promise<Calendar> {
  const data = { ...toColumns(values), updatedAt: new Date() };
  return toCalendar(await clientOf(db).calendar.update({ where: { id }, data }));
}

export async function deleteCalendar(db: Db, id: Id): Promise<void> {
  await clientOf(db).calendar.delete({ where: { id } });
}

export async function findCalendar(db: Db, idOrName: string): Promise<Calendar | undefined> {
  const where = isId(idOrName) ? { id: idOrName } : { name: idOrName };
  const row = await clientOf(db).calendar.findUnique({ where });
  return row ? toCalendar(row) : undefined;
}

/** Locked until the transaction ends: whoever makes a schedule use it waits, as does whoever changes it. */
export async function lockCalendar(db: Db, idOrName: string): Promise<Calendar | undefined> {
  const found = await findCalendar(db, idOrName);
  if (!found) return undefined;
  await clientOf(db).$queryRaw`select 1 from calendar where id = ${found.id}::uuid for update`;
  return await findCalendar(db, found.id);
}

export async function findCalendarsById(db: Db, ids: readonly Id[]): Promise<Map<Id, Calendar>> {
  if (ids.length === 0) return new Map();
  const rows = await clientOf(db).calendar.findMany({ where: { id: { in: [...ids] } } });
  return new Map(rows.map((row) => [row.id, toCalendar(row)]));
}

/** The calendar of the schedule whose occurrence it is. */
export async function findCalendarOfOccurrence(db: Db, occurrenceId: Id): Promise<Calendar | undefined> {
  const where = { schedules: { some: { occurrences: { some: { id: occurrenceId } } } } };
  const row = await clientOf(db).calendar.findFirst({ where });
  return row ? toCalendar(row) : undefined;
}

/** By name. */
export async function listCalendars(db: Db, { limit, after }: Page): Promise<Paged<Calendar>> {
  const rows = await clientOf(db).calendar.findMany({
    where: defined({ name: after === undefined ? undefined : { gt: after } }),
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.name, toCalendar);
}

/** As due times are computed with it. */
export function toHolidayCalendar({ name, weekend, holidays }: Calendar): HolidayCalendar {
  return { name, weekend, holidays: new Map(holidays.map(({ date, title }) => [date, title])) };
}

function toColumns({ name, weekend, holidays }: CalendarValues) {
  return { name, weekend: [...weekend], holidays: holidays.map(({ date, title }) => ({ date, title })) };
}

function toCalendar(row: Row): Calendar {
  return { ...row, holidays: row.holidays as unknown as Holiday[] };
}
