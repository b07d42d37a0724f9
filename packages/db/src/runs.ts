import type { Failure, FailureCode, Id, RunState, RunTrigger, Wait, WaitReason } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import { Prisma } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined, failureColumns, toFailure, toNumber } from './values.js';

/** One execution of a transfer. */
export interface Run {
  readonly id: Id;
  readonly transferId: Id;
  readonly transferName: string;
  readonly transferVersionId: Id;
  /** The number of that version. */
  readonly version: number;
  readonly state: RunState;
  readonly trigger: RunTrigger;
  readonly occurrenceId: Id | undefined;
  /** The due time that it stands for, which names are made of; `undefined` for a run on request. */
  readonly dueAt: Date | undefined;
  readonly idempotencyKey: string | undefined;
  readonly requestHash: string | undefined;
  readonly pool: string;
  readonly epoch: number;
  readonly attemptsUsed: number;
  readonly notBefore: Date | undefined;
  readonly enqueuedAt: Date | undefined;
  /** Why it is not executed although its time has come. */
  readonly waiting: Waiting | undefined;
  readonly leaseOwner: Id | undefined;
  readonly leaseUntil: Date | undefined;
  readonly cancelRequestedAt: Date | undefined;
  /** Why the last attempt failed. */
  readonly failure: Failure | undefined;
  readonly filesSelected: number;
  readonly filesDelivered: number;
  readonly filesFailed: number;
  readonly filesSkipped: number;
  readonly bytesSelected: number;
  /** Acknowledged by the target so far, delivered or not. */
  readonly bytesMoved: number;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

/** What a queued run waits for. */
export interface Waiting {
  readonly reason: WaitReason;
  /** For people. */
  readonly message: string;
  /** In whose line it stands; undefined if it waits for another run of its transfer. */
  readonly endpoint: { readonly id: Id; readonly name: string } | undefined;
  /** Since when it waits, for whatever. */
  readonly since: Date;
}

export interface NewRun {
  readonly id: Id;
  readonly transferId: Id;
  readonly transferVersionId: Id;
  readonly trigger: RunTrigger;
  readonly occurrenceId?: Id | undefined;
  /** Of the occurrence. */
  readonly dueAt?: Date | undefined;
  /** Left out: at once. */
  readonly notBefore?: Date | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly requestHash?: string | undefined;
  readonly pool: string;
}

export interface RunFilter {
  readonly transferId?: Id | undefined;
  readonly state?: RunState | readonly RunState[] | undefined;
  /** Created at this instant or later. */
  readonly since?: Date | undefined;
  /** Created before this instant. */
  readonly until?: Date | undefined;
}

/** Which attempt acts: it may write as long as the run is running under this epoch and lease. */
export interface Fence {
  readonly runId: Id;
  readonly epoch: number;
  readonly workerId: Id;
}

const include = {
  transfer: { select: { name: true } },
  transferVersion: { select: { number: true } },
  waitingEndpoint: { select: { id: true, name: true } },
} satisfies Prisma.RunInclude;

type Row = Prisma.RunGetPayload<{ include: typeof include }>;

const notWaiting = Prisma.sql`waiting_reason = null, waiting_message = null, waiting_endpoint_id = null,
      waiting_since = null`;

/** False if the transfer has a run of the same idempotency key already. */
export async function insertRun(db: Db, run: NewRun): Promise<boolean> {
  return (await insertRuns(db, [run])) === 1;
}

/** Leaves out those whose transfer has a run of the same idempotency key already. Returns how many were made. */
export async function insertRuns(db: Db, runs: readonly NewRun[]): Promise<number> {
  const times = (pick: (run: NewRun) => Date | undefined) =>
    runs.map((run) => pick(run)?.toISOString() ?? null);
  return await clientOf(db).$executeRaw`
    insert into run (id, transfer_id, transfer_version_id, state, trigger, occurrence_id, due_at, not_before,
                     idempotency_key, request_hash, pool)
    select r.id, r.transfer_id, r.transfer_version_id, 'queued', r.trigger, r.occurrence_id, r.due_at, r.not_before,
           r.idempotency_key, r.request_hash, r.pool
    from unnest(${runs.map(({ id }) => id)}::uuid[],
                ${runs.map(({ transferId }) => transferId)}::uuid[],
                ${runs.map(({ transferVersionId }) => transferVersionId)}::uuid[],
                ${runs.map(({ trigger }) => trigger)}::text[],
                ${runs.map(({ occurrenceId }) => occurrenceId ?? null)}::uuid[],
                ${times(({ dueAt }) => dueAt)}::timestamptz[],
                ${times(({ notBefore }) => notBefore)}::timestamptz[],
                ${runs.map(({ idempotencyKey }) => idempotencyKey ?? null)}::text[],
                ${runs.map(({ requestHash }) => requestHash ?? null)}::text[],
                ${runs.map(({ pool }) => pool)}::text[])
      as r(id, transfer_id, transfer_version_id, trigger, occurrence_id, due_at, not_before, idempotency_key,
           request_hash, pool)
    on conflict (transfer_id, idempotency_key) do nothing`;
}

/** The transfers of these that have a run which is queued or running, each with one of its runs. */
export async function findOpenRuns(
  db: Db,
  transferIds: readonly Id[],
): Promise<Map<Id, { readonly runId: Id; readonly state: RunState }>> {
  const rows = await clientOf(db).$queryRaw<{ transferId: Id; runId: Id; state: RunState }[]>`
    select distinct on (transfer_id) transfer_id as "transferId", id as "runId", state from run
    where transfer_id = any(${[...transferIds]}::uuid[]) and state in ('queued', 'running')
    order by transfer_id, id`;
  return new Map(rows.map(({ transferId, ...run }) => [transferId, run]));
}

export async function findRun(db: Db, id: Id): Promise<Run | undefined> {
  const row = await clientOf(db).run.findUnique({ where: { id }, include });
  return row ? toRun(row) : undefined;
}

export async function findRunByKey(db: Db, transferId: Id, idempotencyKey: string): Promise<Run | undefined> {
  const where = { transferId_idempotencyKey: { transferId, idempotencyKey } };
  const row = await clientOf(db).run.findUnique({ where, include });
  return row ? toRun(row) : undefined;
}

/** The run, locked until the transaction ends. */
export async function lockRun(db: Db, id: Id): Promise<Run | undefined> {
  await clientOf(db).$queryRaw`select 1 from run where id = ${id}::uuid for update`;
  return await findRun(db, id);
}

/** Newest first; `after` is an id. */
export async function listRuns(db: Db, { limit, after }: Page, filter: RunFilter = {}): Promise<Paged<Run>> {
  const { transferId, state, since, until } = filter;
  const rows = await clientOf(db).run.findMany({
    where: {
      ...defined({ transferId, id: after === undefined ? undefined : { lt: after } }),
      ...(state !== undefined && { state: typeof state === 'string' ? state : { in: [...state] } }),
      ...((since || until) && { createdAt: defined({ gte: since, lt: until }) }),
    },
    include,
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.id, toRun);
}

/** Takes the lease of a queued run of that epoch whose time has come. False if it is no longer there to be taken. */
export async function startRun(db: Db, fence: Fence, leaseMs: number): Promise<boolean> {
  const started = await clientOf(db).$executeRaw`
    update run set state = 'running', lease_owner = ${fence.workerId}::uuid,
      lease_until = now() + ${leaseMs}::double precision * interval '1 millisecond',
      started_at = coalesce(started_at, now()), not_before = null, ${notWaiting}
    where id = ${fence.runId}::uuid and epoch = ${fence.epoch} and state = 'queued' and cancel_requested_at is null`;
  return started === 1;
}

/**
 * Another run of the transfer that is being executed, or that has waited for acknowledgements for longer than this one.
 * Locks the transfer until the transaction ends, so that of two runs that ask at the same time one sees the other.
 */
export async function findRunInTheWay(
  db: Db,
  { id, transferId }: Run,
): Promise<Pick<Run, 'id' | 'state'> | undefined> {
  await clientOf(db).$queryRaw`select 1 from transfer where id = ${transferId}::uuid for no key update`;
  const awaited = Prisma.sql`awaited_since is not null and acknowledged_at is null and failure_code is null`;
  const others = await clientOf(db).$queryRaw<Pick<Run, 'id' | 'state'>[]>`
    with own as (
      select coalesce(min(awaited_since), 'infinity') as since from delivery where run_id = ${id}::uuid and ${awaited})
    select id, state from run, own
    where transfer_id = ${transferId}::uuid and id <> ${id}::uuid
      and (state = 'running' or (state = 'queued' and exists (
        select 1 from delivery where run_id = run.id and ${awaited} and awaited_since < own.since)))
    order by state desc limit 1`;
  return others[0];
}

/** Has a queued run wait until then; undefined for the endpoint if it waits for another run of its transfer. */
export async function putInLine(
  db: Db,
  runId: Id,
  { reason, message }: Wait,
  line: { readonly endpointId: Id | undefined; readonly until: Date },
): Promise<void> {
  await clientOf(db).$executeRaw`
    update run set waiting_reason = ${reason}, waiting_message = ${message},
      waiting_endpoint_id = ${line.endpointId ?? null}::uuid, waiting_since = coalesce(waiting_since, now()),
      not_before = ${line.until}::timestamptz
    where id = ${runId}::uuid and state = 'queued'`;
}

/** An endpoint's, or that of runs of one transfer. */
export type Line = { readonly endpointId: Id } | { readonly transferId: Id };

/**
 * Has the oldest runs that wait in a line try again at once: under a new epoch, since the queue knows the old one for
 * later. So many of each pool, because the one that is called may have no worker now. One that somebody has locked is
 * left out: it is being called or cancelled already.
 */
export async function callWaiting(db: Db, line: Line, atMost: number): Promise<void> {
  const waits = Prisma.sql`state = 'queued' and ${standsIn(line)} and not_before is not null`;
  await clientOf(db).$executeRaw`
    update run set epoch = epoch + 1, not_before = null, enqueued_at = null
    where id = any(array(
      select called.id from (select distinct pool from run where ${waits}) pools
      cross join lateral (select id from run where ${waits} and run.pool = pools.pool
                          order by id limit ${atMost} for update skip locked) called))`;
}

/** Tells those who wait in the line of an endpoint for that reason what has become of it. */
export async function explainWait(db: Db, endpointId: Id, { reason, message }: Wait): Promise<void> {
  await clientOf(db).$executeRaw`
    update run set waiting_message = ${message}
    where waiting_endpoint_id = ${endpointId}::uuid and waiting_reason = ${reason} and state = 'queued'`;
}

/** Was one of the run's pool that is older called, and has not come yet? */
export async function isOlderCalled(db: Db, line: Line, { id, pool }: Run): Promise<boolean> {
  const rows = await clientOf(db).$queryRaw<unknown[]>`
    select 1 from run where state = 'queued' and ${standsIn(line)} and not_before is null and pool = ${pool}
      and id < ${id}::uuid limit 1`;
  return rows.length > 0;
}

function standsIn(line: Line): Prisma.Sql {
  return 'endpointId' in line
    ? Prisma.sql`waiting_endpoint_id = ${line.endpointId}::uuid`
    : Prisma.sql`waiting_reason = 'transfer-busy' and transfer_id = ${line.transferId}::uuid`;
}

/** Extends the lease. `undefined` if the run is no longer this attempt's. */
export async function extendLease(
  db: Db,
  fence: Fence,
  leaseMs: number,
): Promise<{ cancelRequested: boolean } | undefined> {
  const rows = await clientOf(db).$queryRaw<{ cancel_requested: boolean }[]>`
    update run set lease_until = now() + ${leaseMs}::double precision * interval '1 millisecond'
    where id = ${fence.runId}::uuid and epoch = ${fence.epoch} and lease_owner = ${fence.workerId}::uuid
      and state = 'running'
    returning cancel_requested_at is not null as cancel_requested`;
  return rows[0] && { cancelRequested: rows[0].cancel_requested };
}

/** How much of a lease is left, by the database's clock; negative when it has run out. */
export async function leaseLeftMs(db: Db, runId: Id): Promise<number | undefined> {
  const rows = await clientOf(db).$queryRaw<{ left: number | null }[]>`
    select (extract(epoch from lease_until - now()) * 1000)::double precision as left
    from run where id = ${runId}::uuid and state = 'running'`;
  return rows[0]?.left ?? undefined;
}

/** Ends a run that is at rest: the caller holds its lock. The epoch grows, so that a job still in the queue is void. */
export async function endQueuedRun(db: Db, id: Id, state: 'cancelled'): Promise<void> {
  await clientOf(db).$executeRaw`
    update run set state = ${state}, epoch = epoch + 1, finished_at = now(), not_before = null, enqueued_at = null,
      ${notWaiting}
    where id = ${id}::uuid and state in ('queued', 'held')`;
}

/** False if the run is not running. */
export async function requestCancel(db: Db, id: Id): Promise<boolean> {
  const requested = await clientOf(db).$executeRaw`
    update run set cancel_requested_at = now()
    where id = ${id}::uuid and state = 'running' and cancel_requested_at is null`;
  return requested === 1;
}

/** Puts a run at rest back into the queue with a new epoch and all its attempts before it. False if it may not. */
export async function restartRun(db: Db, id: Id, from: readonly RunState[]): Promise<boolean> {
  const restarted = await clientOf(db).$executeRaw`
    update run set state = 'queued', epoch = epoch + 1, attempts_used = 0, not_before = null, enqueued_at = null,
      cancel_requested_at = null, ${failureColumns(undefined)}, failure_endpoint_id = null, finished_at = null
    where id = ${id}::uuid and state = any(${[...from]}::text[])`;
  return restarted === 1;
}

/**
 * Runs held for one of these failures by the endpoint, locked until the transaction ends. Of a run whose record does not
 * say which endpoint it was: any that its definition names, or a jump host of one.
 */
export async function lockHeldRunsOfEndpoint(
  db: Db,
  endpointId: Id,
  codes: readonly FailureCode[],
): Promise<Id[]> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    with recursive concerned(id) as (
      select ${endpointId}::uuid union select e.id from endpoint e join concerned c on e.jump_endpoint_id = c.id)
    select run.id from run join transfer_version v on v.id = run.transfer_version_id
    where run.state = 'held' and run.failure_code = any(${[...codes]}::text[]) and run.cancel_requested_at is null
      and (run.failure_endpoint_id = ${endpointId}::uuid or (run.failure_endpoint_id is null
           and exists (select 1 from concerned c where c.id in (v.source_endpoint_id, v.target_endpoint_id))))
    order by run.id for update of run`;
  return rows.map(({ id }) => id);
}

/** What becomes of a run at the end of an attempt. */
export interface RunEnd {
  readonly state: Exclude<RunState, 'running'>;
  readonly failure: Failure | undefined;
  /** Does the attempt count against the retry policy? */
  readonly countsAttempt: boolean;
  /** For `queued`: not before this instant. */
  readonly notBefore: Date | undefined;
}

/**
 * Ends the attempt that runs under that fence and sums up the run's deliveries. A queued run gets a new epoch. False
 * if the run is no longer this attempt's.
 */
export async function endAttemptOfRun(db: Db, fence: Fence, end: RunEnd): Promise<boolean> {
  const { state, failure, countsAttempt, notBefore } = end;
  const again = state === 'queued';
  const ended = await clientOf(db).$executeRaw`
    update run set state = ${state}, lease_owner = null, lease_until = null,
      epoch = epoch + ${again ? 1 : 0}, attempts_used = attempts_used + ${countsAttempt ? 1 : 0},
      not_before = ${notBefore ?? null}::timestamptz, enqueued_at = case when ${again} then null else enqueued_at end,
      ${failureColumns(failure)}, failure_endpoint_id = ${failure?.refusedHostKey?.endpointId ?? null}::uuid,
      finished_at = case when ${again || state === 'held'} then null else now() end,
      files_selected = d.selected, files_delivered = d.delivered, files_failed = d.failed, files_skipped = d.skipped,
      bytes_selected = d.bytes_selected, bytes_moved = d.bytes_moved
    from (select count(*)::int as selected,
                 (count(*) filter (where state = 'delivered'))::int as delivered,
                 (count(*) filter (where state in ('failed', 'unknown')))::int as failed,
                 (count(*) filter (where state = 'skipped'))::int as skipped,
                 coalesce(sum(size), 0)::bigint as bytes_selected,
                 coalesce(sum(case when state = 'delivered' then size else checkpoint_bytes end), 0)::bigint
                   as bytes_moved
          from delivery where run_id = ${fence.runId}::uuid) d
    where run.id = ${fence.runId}::uuid and run.epoch = ${fence.epoch}
      and run.lease_owner = ${fence.workerId}::uuid and run.state = 'running'`;
  return ended === 1;
}

export interface Progress {
  readonly filesSelected: number;
  readonly filesDelivered: number;
  readonly filesFailed: number;
  readonly filesSkipped: number;
  readonly bytesSelected: number;
  readonly bytesMoved: number;
}

/** False if the run is no longer this attempt's. */
export async function saveProgress(db: Db, fence: Fence, progress: Progress): Promise<boolean> {
  const saved = await clientOf(db).$executeRaw`
    update run set files_selected = ${progress.filesSelected}, files_delivered = ${progress.filesDelivered},
      files_failed = ${progress.filesFailed}, files_skipped = ${progress.filesSkipped},
      bytes_selected = ${progress.bytesSelected}::bigint, bytes_moved = ${progress.bytesMoved}::bigint
    where id = ${fence.runId}::uuid and epoch = ${fence.epoch} and lease_owner = ${fence.workerId}::uuid
      and state = 'running'`;
  return saved === 1;
}

/** An attempt whose lease has run out, or whose worker is known to be gone. */
export type LostAttempt = Fence;

/** Runs whose lease has run out, locked until the transaction ends. */
export async function claimLostAttempts(db: Db, limit: number): Promise<LostAttempt[]> {
  return await clientOf(db).$queryRaw<LostAttempt[]>`
    select id as "runId", epoch, lease_owner as "workerId" from run
    where state = 'running' and lease_until < now()
    order by lease_until limit ${limit} for update skip locked`;
}

/** Ends the leases of these workers (of all, without `workerIds`) at once. Returns how many. */
export async function expireLeases(db: Db, workerIds?: readonly Id[]): Promise<number> {
  return await clientOf(db).$executeRaw`
    update run set lease_until = now() - interval '1 millisecond'
    where state = 'running' and lease_until >= now()
      and (${workerIds === undefined} or lease_owner = any(${[...(workerIds ?? [])]}::uuid[]))`;
}

/** A queued run, as the dispatcher needs it. */
export interface QueuedRun {
  readonly runId: Id;
  readonly epoch: number;
  readonly pool: string;
  readonly notBefore: Date | null;
}

/** Queued runs that the queue has yet to be told of, oldest first. */
export async function listUndispatchedRuns(db: Db, limit: number): Promise<QueuedRun[]> {
  return await clientOf(db).$queryRaw<QueuedRun[]>`
    select id as "runId", epoch, pool, not_before as "notBefore" from run
    where state = 'queued' and enqueued_at is null order by id limit ${limit}`;
}

/** Runs that the queue was told of more than `olderThanMs` ago and that are still due to be taken, longest ago first. */
export async function listOverdueRuns(db: Db, olderThanMs: number, limit: number): Promise<QueuedRun[]> {
  return await clientOf(db).$queryRaw<QueuedRun[]>`
    select id as "runId", epoch, pool, not_before as "notBefore" from run
    where state = 'queued' and (not_before is null or not_before < now())
      and enqueued_at < now() - ${olderThanMs}::double precision * interval '1 millisecond'
    order by enqueued_at limit ${limit}`;
}

/** The queue was told just now. A run that has moved on since is left alone. */
export async function markEnqueued(db: Db, runs: readonly QueuedRun[]): Promise<void> {
  await clientOf(db).$executeRaw`
    update run set enqueued_at = now()
    from unnest(${runs.map((run) => run.runId)}::uuid[], ${runs.map((run) => run.epoch)}::int[]) as told(id, epoch)
    where run.id = told.id and run.epoch = told.epoch and run.state = 'queued'`;
}

function toRun(given: Row): Run {
  const {
    transfer,
    transferVersion,
    failureCode,
    failureMessage,
    failureOwner,
    failureEndpointId,
    ...others
  } = given;
  const { waitingReason, waitingMessage, waitingEndpoint, waitingEndpointId, waitingSince, ...row } = others;
  return {
    ...row,
    transferName: transfer.name,
    version: transferVersion.number,
    state: row.state as RunState,
    trigger: row.trigger as RunTrigger,
    occurrenceId: row.occurrenceId ?? undefined,
    dueAt: row.dueAt ?? undefined,
    idempotencyKey: row.idempotencyKey ?? undefined,
    requestHash: row.requestHash ?? undefined,
    notBefore: row.notBefore ?? undefined,
    enqueuedAt: row.enqueuedAt ?? undefined,
    waiting:
      waitingReason === null || waitingSince === null
        ? undefined
        : {
            reason: waitingReason as WaitReason,
            message: waitingMessage ?? '',
            endpoint: waitingEndpoint ?? undefined,
            since: waitingSince,
          },
    leaseOwner: row.leaseOwner ?? undefined,
    leaseUntil: row.leaseUntil ?? undefined,
    cancelRequestedAt: row.cancelRequestedAt ?? undefined,
    failure: toFailure(given),
    bytesSelected: toNumber(row.bytesSelected),
    bytesMoved: toNumber(row.bytesMoved),
    startedAt: row.startedAt ?? undefined,
    finishedAt: row.finishedAt ?? undefined,
  };
}
