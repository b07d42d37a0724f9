import type { Id, NotificationState } from '@waybill/domain';
import type { StoredAuditEvent } from './audit-log.js';
import { clientOf, type Db } from './db.js';
import type { Prisma } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import type { Transaction } from './transaction.js';
import { defined, toNumber } from './values.js';

/** One message to one subscriber. */
export interface Notification {
  readonly id: Id;
  readonly subscriptionId: Id;
  readonly subscriptionName: string;
  /** `seq` of the audit events that it tells, in order; none for a test. */
  readonly events: readonly number[];
  readonly state: NotificationState;
  /** Tries that failed. */
  readonly failures: number;
  readonly notBefore: Date;
  readonly lastStatus: number | undefined;
  /** Empty: none has failed. */
  readonly lastError: string;
  readonly createdAt: Date;
  readonly deliveredAt: Date | undefined;
}

export type NewNotification = Pick<Notification, 'id' | 'subscriptionId' | 'events' | 'notBefore'>;

const include = { subscription: { select: { name: true } } } satisfies Prisma.NotificationInclude;

type Row = Prisma.NotificationGetPayload<{ include: typeof include }>;

/** Up to which event subscribers were thought of. Locked until the transaction ends: one scheduler does it at a time. */
export async function lockNotificationHead(tx: Transaction): Promise<number | undefined> {
  const rows = await tx.$queryRaw<{ seq: bigint }[]>`
    select seq from notification_head where id = 1 for update skip locked`;
  return rows[0] && toNumber(rows[0].seq);
}

export async function saveNotificationHead(tx: Transaction, seq: number): Promise<void> {
  await tx.notificationHead.update({ where: { id: 1 }, data: { seq: BigInt(seq) } });
}

/**
 * The partners that events are about: of a run the partners of both endpoints, of a schedule those of its transfer. By
 * `kind:id` of the subject; subjects without a partner are left out.
 */
export async function partnersOfSubjects(
  db: Db,
  events: readonly Pick<StoredAuditEvent, 'subjectKind' | 'subjectId'>[],
): Promise<Map<string, Id[]>> {
  const known = events.filter(({ subjectKind }) => PARTNERED.includes(subjectKind));
  if (known.length === 0) return new Map();
  const rows = await clientOf(db).$queryRaw<{ subject: string; partners: Id[] }[]>`
    with subject as (
      select distinct kind, id from unnest(${known.map((event) => event.subjectKind)}::text[],
                                           ${known.map((event) => event.subjectId)}::uuid[]) as s(kind, id)
    ), version as (
      select s.kind, s.id, r.transfer_version_id as version_id from subject s join run r on s.kind = 'run' and r.id = s.id
      union all
      select s.kind, s.id, v.id from subject s
        left join schedule c on s.kind = 'schedule' and c.id = s.id
        join transfer t on t.id = case s.kind when 'transfer' then s.id else c.transfer_id end
        join transfer_version v on v.transfer_id = t.id and v.number = t.current_version
    ), place as (
      select v.kind, v.id, unnest(array[x.source_endpoint_id, x.target_endpoint_id]) as endpoint_id
        from version v join transfer_version x on x.id = v.version_id
      union all
      select kind, id, id from subject where kind = 'endpoint'
    ), found as (
      select p.kind, p.id, e.partner_id from place p join endpoint e on e.id = p.endpoint_id where e.partner_id is not null
      union
      select kind, id, id from subject where kind = 'partner'
    )
    select kind || ':' || id as subject, array_agg(distinct partner_id)::text[] as partners from found group by kind, id`;
  return new Map(rows.map(({ subject, partners }) => [subject, partners]));
}

const PARTNERED = ['run', 'transfer', 'schedule', 'endpoint', 'partner'];

/**
 * Adds an event to the newest message of the subscription that nobody has tried to send yet.
 * False if there is none.
 */
export async function foldIntoWaiting(tx: Transaction, subscriptionId: Id, seq: number): Promise<boolean> {
  const folded = await tx.$executeRaw`
    update notification set events = events || ${BigInt(seq)}::bigint where id = (
      select id from notification
      where subscription_id = ${subscriptionId}::uuid and state = 'pending' and failures = 0 and lease_until is null
        and cardinality(events) between 1 and 9999
      order by id desc limit 1 for update skip locked)`;
  return folded === 1;
}

/** When the last message to the subscription was, or is, due. */
export async function lastNotBefore(db: Db, subscriptionId: Id): Promise<Date | undefined> {
  const row = await clientOf(db).notification.findFirst({
    where: { subscriptionId },
    orderBy: { id: 'desc' },
    select: { notBefore: true },
  });
  return row?.notBefore;
}

export async function insertNotification(db: Db, notification: NewNotification): Promise<void> {
  const { events, ...others } = notification;
  await clientOf(db).notification.create({ data: { ...others, events: events.map(BigInt) } });
}

/**
 * Leases messages that are due, of enabled subscriptions, oldest first. Each is nobody else's for `leaseMs`; a sender that
 * dies has perhaps sent it.
 */
export async function leaseNotifications(
  db: Db,
  { limit, leaseMs }: { readonly limit: number; readonly leaseMs: number },
): Promise<Notification[]> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    update notification set lease_until = now() + ${leaseMs}::double precision * interval '1 millisecond'
    where id in (
      select n.id from notification n join subscription s on s.id = n.subscription_id and s.enabled
      where n.state = 'pending' and n.not_before <= now() and (n.lease_until is null or n.lease_until < now())
      order by n.not_before limit ${limit} for update of n skip locked)
    returning id`;
  const found = await clientOf(db).notification.findMany({
    where: { id: { in: rows.map(({ id }) => id) } },
    include,
    orderBy: { id: 'asc' },
  });
  return found.map(toNotification);
}

export async function markNotificationDelivered(db: Db, id: Id, status: number | undefined): Promise<void> {
  await clientOf(db).$executeRaw`
    update notification set state = 'delivered', delivered_at = now(), lease_until = null, last_status = ${status ?? null}
    where id = ${id}::uuid and state = 'pending'`;
}

/** @param again when it is tried again; left out: it is given up */
export async function markNotificationFailed(
  db: Db,
  id: Id,
  {
    status,
    error,
    again,
  }: { readonly status: number | undefined; readonly error: string; readonly again: Date | undefined },
): Promise<void> {
  await clientOf(db).$executeRaw`
    update notification set failures = failures + 1, lease_until = null, last_status = ${status ?? null}, last_error = ${error},
      state = ${again ? 'pending' : 'dead'}, not_before = coalesce(${again ?? null}::timestamptz, not_before)
    where id = ${id}::uuid and state = 'pending'`;
}

export async function findNotification(db: Db, id: Id): Promise<Notification | undefined> {
  const row = await clientOf(db).notification.findUnique({ where: { id }, include });
  return row ? toNotification(row) : undefined;
}

/** Newest first; `after` is an id. */
export async function listNotifications(
  db: Db,
  { limit, after }: Page,
  filter: { readonly subscriptionId?: Id | undefined; readonly state?: NotificationState | undefined } = {},
): Promise<Paged<Notification>> {
  const rows = await clientOf(db).notification.findMany({
    where: { ...defined(filter), ...defined({ id: after === undefined ? undefined : { lt: after } }) },
    include,
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.id, toNotification);
}

/** Removes delivered ones older than `olderThanMs`. Returns how many. */
export async function pruneNotifications(db: Db, olderThanMs: number): Promise<number> {
  return await clientOf(db).$executeRaw`
    delete from notification where state = 'delivered'
      and delivered_at < now() - ${olderThanMs}::double precision * interval '1 millisecond'`;
}

function toNotification({ subscription, leaseUntil: _, ...row }: Row): Notification {
  return {
    ...row,
    subscriptionName: subscription.name,
    events: row.events.map(toNumber),
    state: row.state as NotificationState,
    lastStatus: row.lastStatus ?? undefined,
    deliveredAt: row.deliveredAt ?? undefined,
  };
}
