import { type CalendarRule, type CatchUpRule, type Id, isId, type OverlapRule } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { Prisma } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** When a transfer runs. */
export interface Schedule {
  readonly id: Id;
  readonly name: string;
  readonly transferId: Id;
  readonly transferName: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly calendar: { readonly id: Id; readonly name: string; readonly rule: CalendarRule } | undefined;
  readonly overlap: OverlapRule;
  readonly jitterSeconds: number;
  readonly catchUp: CatchUpRule;
  /** What was missed by more is skipped. */
  readonly catchUpWithinMinutes: number | undefined;
  /** What falls due before is skipped. */
  readonly pausedUntil: Date | undefined;
  readonly enabled: boolean;
  /** `undefined` while disabled. */
  readonly nextDueAt: Date | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface ScheduleValues {
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly calendarId: Id | null;
  readonly calendarRule: CalendarRule | null;
  readonly overlap: OverlapRule;
  readonly jitterSeconds: number;
  readonly catchUp: CatchUpRule;
  readonly catchUpWithinMinutes: number | null;
  readonly pausedUntil: Date | null;
  readonly enabled: boolean;
  readonly nextDueAt: Date | null;
}

/** One due time of a schedule, and what became of it. */
export interface Occurrence {
  readonly id: Id;
  readonly scheduleId: Id;
  readonly dueAt: Date;
  readonly state: 'fired' | 'skipped';
  /** Why it was skipped, that it fired late, or from which days it was moved. */
  readonly reason: string;
  /** The newest, if it was run again. */
  readonly runId: Id | undefined;
  readonly createdAt: Date;
}

export type NewOccurrence = Pick<Occurrence, 'id' | 'scheduleId' | 'dueAt' | 'state' | 'reason'>;

const include = {
  transfer: { select: { name: true } },
  calendar: { select: { id: true, name: true } },
} satisfies Prisma.ScheduleInclude;
type Row = Prisma.ScheduleGetPayload<{ include: typeof include }>;

export async function insertSchedule(
  db: Db,
  id: Id,
  transferId: Id,
  values: ScheduleValues,
): Promise<Schedule> {
  const data = { id, transferId, ...values };
  return toSchedule(await clientOf(db).schedule.create({ data, include }));
}

export async function saveSchedule(db: Db, id: Id, values: Partial<ScheduleValues>): Promise<Schedule> {
  const data = { ...values, updatedAt: new Date() };
  return toSchedule(await clientOf(db).schedule.update({ where: { id }, data, include }));
}

export async function findSchedule(db: Db, idOrName: string): Promise<Schedule | undefined> {
  const where = isId(idOrName) ? { id: idOrName } : { name: idOrName };
  const row = await clientOf(db).schedule.findUnique({ where, include });
  return row ? toSchedule(row) : undefined;
}

/** By name. */
export async function listSchedules(
  db: Db,
  { limit, after }: Page,
  filter: {
    readonly transferId?: Id | undefined;
    readonly calendarId?: Id | undefined;
    readonly enabled?: boolean | undefined;
  } = {},
): Promise<Paged<Schedule>> {
  const rows = await clientOf(db).schedule.findMany({
    where: defined({
      transferId: filter.transferId,
      calendarId: filter.calendarId,
      enabled: filter.enabled,
      name: after === undefined ? undefined : { gt: after },
    }),
    include,
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.name, toSchedule);
}

/** The schedule, locked until the transaction ends. */
export async function lockSchedule(db: Db, idOrName: string): Promise<Schedule | undefined> {
  const found = await findSchedule(db, idOrName);
  if (!found) return undefined;
  await clientOf(db).$queryRaw`select 1 from schedule where id = ${found.id}::uuid for no key update`;
  return await findSchedule(db, found.id);
}

/** All that use the calendar, locked until the transaction ends. */
export async function lockSchedulesOfCalendar(db: Db, calendarId: Id): Promise<Schedule[]> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    select id from schedule where calendar_id = ${calendarId}::uuid order by id for no key update`;
  return await findSchedules(db, rows);
}

/**
 * The schedules that have been due longest, locked until the transaction ends; those that another scheduler has locked
 * and those of `except` are left out.
 */
export async function claimDueSchedules(
  db: Db,
  { now, limit, except }: { readonly now: Date; readonly limit: number; readonly except: readonly Id[] },
): Promise<Schedule[]> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    select id from schedule
    where enabled and next_due_at <= ${now}::timestamptz and id <> all(${[...except]}::uuid[])
    order by next_due_at limit ${limit} for update skip locked`;
  return await findSchedules(db, rows);
}

async function findSchedules(db: Db, rows: readonly { readonly id: Id }[]): Promise<Schedule[]> {
  if (rows.length === 0) return [];
  const where = { id: { in: rows.map(({ id }) => id) } };
  return (await clientOf(db).schedule.findMany({ where, include, orderBy: { nextDueAt: 'asc' } })).map(
    toSchedule,
  );
}

export async function advanceSchedules(
  db: Db,
  next: readonly { readonly id: Id; readonly nextDueAt: Date }[],
): Promise<void> {
  await clientOf(db).$executeRaw`
    update schedule set next_due_at = next.due_at
    from unnest(${next.map(({ id }) => id)}::uuid[],
                ${next.map(({ nextDueAt }) => nextDueAt.toISOString())}::timestamptz[]) as next(id, due_at)
    where schedule.id = next.id`;
}

/** Leaves out those whose schedule has an occurrence at that time already; returns the ids of the others. */
export async function insertOccurrences(
  db: Db,
  occurrences: readonly NewOccurrence[],
): Promise<ReadonlySet<Id>> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    insert into occurrence (id, schedule_id, due_at, state, reason)
    select o.id, o.schedule_id, o.due_at, o.state, o.reason
    from unnest(${occurrences.map(({ id }) => id)}::uuid[],
                ${occurrences.map(({ scheduleId }) => scheduleId)}::uuid[],
                ${occurrences.map(({ dueAt }) => dueAt.toISOString())}::timestamptz[],
                ${occurrences.map(({ state }) => state)}::text[],
                ${occurrences.map(({ reason }) => reason)}::text[]) as o(id, schedule_id, due_at, state, reason)
    on conflict (schedule_id, due_at) do nothing
    returning id`;
  return new Set(rows.map(({ id }) => id));
}

export async function findOccurrence(db: Db, scheduleId: Id, dueAt: Date): Promise<Occurrence | undefined> {
  const where = { scheduleId_dueAt: { scheduleId, dueAt } };
  const row = await clientOf(db).occurrence.findUnique({ where, include: newestRun });
  return row ? toOccurrence(row) : undefined;
}

/** One that was skipped runs after all. */
export async function fireSkippedOccurrence(db: Db, id: Id, reason: string): Promise<void> {
  await clientOf(db).occurrence.updateMany({
    where: { id, state: 'skipped' },
    data: { state: 'fired', reason },
  });
}

/** Newest due time first; `after` is such a time in ISO 8601. */
export async function listOccurrences(
  db: Db,
  scheduleId: Id,
  { limit, after }: Page,
): Promise<Paged<Occurrence>> {
  const rows = await clientOf(db).occurrence.findMany({
    where: { scheduleId, ...(after !== undefined && { dueAt: { lt: new Date(after) } }) },
    include: newestRun,
    orderBy: { dueAt: 'desc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.dueAt.toISOString(), toOccurrence);
}

const newestRun = {
  runs: { select: { id: true }, orderBy: { id: 'desc' }, take: 1 },
} satisfies Prisma.OccurrenceInclude;

function toOccurrence({
  runs,
  ...row
}: Prisma.OccurrenceGetPayload<{ include: typeof newestRun }>): Occurrence {
  return { ...row, state: row.state as Occurrence['state'], runId: runs[0]?.id };
}

function toSchedule({ transfer, calendar, calendarId: _, calendarRule, ...row }: Row): Schedule {
  return {
    ...row,
    transferName: transfer.name,
    calendar: calendar ? { ...calendar, rule: calendarRule as CalendarRule } : undefined,
    overlap: row.overlap as OverlapRule,
    catchUp: row.catchUp as CatchUpRule,
    catchUpWithinMinutes: row.catchUpWithinMinutes ?? undefined,
    pausedUntil: row.pausedUntil ?? undefined,
    nextDueAt: row.nextDueAt ?? undefined,
  };
}
