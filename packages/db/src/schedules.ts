import { type CatchUpRule, type Id, isId } from '@waybill/domain';
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
  readonly catchUp: CatchUpRule;
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
  readonly catchUp: CatchUpRule;
  readonly enabled: boolean;
  readonly nextDueAt: Date | null;
}

/** One due time of a schedule, and what became of it. */
export interface Occurrence {
  readonly id: Id;
  readonly scheduleId: Id;
  readonly dueAt: Date;
  readonly state: 'fired' | 'skipped';
  /** Why it was skipped, or that it fired late. */
  readonly reason: string;
  readonly runId: Id | undefined;
  readonly createdAt: Date;
}

const include = { transfer: { select: { name: true } } } satisfies Prisma.ScheduleInclude;
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
  filter: { readonly transferId?: Id | undefined; readonly enabled?: boolean | undefined } = {},
): Promise<Paged<Schedule>> {
  const rows = await clientOf(db).schedule.findMany({
    where: defined({
      transferId: filter.transferId,
      enabled: filter.enabled,
      name: after === undefined ? undefined : { gt: after },
    }),
    include,
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.name, toSchedule);
}

/**
 * The schedule that has been due longest, locked until the transaction ends; those that another scheduler has locked
 * and those of `except` are left out.
 */
export async function claimDueSchedule(
  db: Db,
  now: Date,
  except: readonly Id[],
): Promise<Schedule | undefined> {
  const client = clientOf(db);
  const rows = await client.$queryRaw<{ id: Id }[]>`
    select id from schedule
    where enabled and next_due_at <= ${now}::timestamptz and id <> all(${[...except]}::uuid[])
    order by next_due_at limit 1 for update skip locked`;
  return rows[0] && (await findSchedule(db, rows[0].id));
}

export async function advanceSchedule(db: Db, id: Id, nextDueAt: Date): Promise<void> {
  await clientOf(db).schedule.update({ where: { id }, data: { nextDueAt } });
}

/** Leaves out those whose schedule has an occurrence at that time already; returns the ids of the others. */
export async function insertOccurrences(
  db: Db,
  scheduleId: Id,
  occurrences: readonly Pick<Occurrence, 'id' | 'dueAt' | 'state' | 'reason'>[],
): Promise<ReadonlySet<Id>> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    insert into occurrence (id, schedule_id, due_at, state, reason)
    select o.id, ${scheduleId}::uuid, o.due_at, o.state, o.reason
    from unnest(${occurrences.map(({ id }) => id)}::uuid[],
                ${occurrences.map(({ dueAt }) => dueAt.toISOString())}::timestamptz[],
                ${occurrences.map(({ state }) => state)}::text[],
                ${occurrences.map(({ reason }) => reason)}::text[]) as o(id, due_at, state, reason)
    on conflict (schedule_id, due_at) do nothing
    returning id`;
  return new Set(rows.map(({ id }) => id));
}

/** Newest due time first; `after` is such a time in ISO 8601. */
export async function listOccurrences(
  db: Db,
  scheduleId: Id,
  { limit, after }: Page,
): Promise<Paged<Occurrence>> {
  const rows = await clientOf(db).occurrence.findMany({
    where: { scheduleId, ...(after !== undefined && { dueAt: { lt: new Date(after) } }) },
    include: { run: { select: { id: true } } },
    orderBy: { dueAt: 'desc' },
    take: limit + 1,
  });
  return paged(
    rows,
    limit,
    (row) => row.dueAt.toISOString(),
    ({ run, ...row }) => ({ ...row, state: row.state as Occurrence['state'], runId: run?.id }),
  );
}

function toSchedule({ transfer, ...row }: Row): Schedule {
  return {
    ...row,
    transferName: transfer.name,
    catchUp: row.catchUp as CatchUpRule,
    nextDueAt: row.nextDueAt ?? undefined,
  };
}
