import {
  type CheckSubject,
  type EndpointCheckKind,
  type EndpointCheckReport,
  type EndpointCheckState,
  type Failure,
  type Id,
  plainCheckKinds,
  type RemotePath,
} from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { Prisma } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined, failureColumns, toFailure } from './values.js';

/** A look at an endpoint that somebody asked for, carried out by a worker. */
export interface EndpointCheck {
  readonly id: Id;
  readonly endpointId: Id;
  readonly endpointName: string;
  readonly kind: EndpointCheckKind;
  /** Of a dry run, and of an explanation that was asked for one transfer. */
  readonly transfer: { readonly id: Id; readonly name: string } | undefined;
  /** Of an explanation: the file at the endpoint. */
  readonly path: RemotePath | undefined;
  readonly state: EndpointCheckState;
  /** The pool whose workers may carry it out. */
  readonly pool: string;
  /** The name of the actor who asked for it. */
  readonly requestedBy: string;
  readonly worker: { readonly id: Id; readonly name: string } | undefined;
  readonly report: EndpointCheckReport | undefined;
  /** Why there is no report. */
  readonly failure: Failure | undefined;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

/** What tells open checks apart. */
export interface EndpointCheckKey {
  readonly endpointId: Id;
  readonly subject: CheckSubject;
}

export type NewEndpointCheck = EndpointCheckKey & Pick<EndpointCheck, 'id' | 'pool' | 'requestedBy'>;

/** How a check ends: with a report, or with the reason why there is none. */
export type EndpointCheckEnd =
  | { readonly state: 'succeeded' | 'failed'; readonly report: EndpointCheckReport }
  | { readonly state: 'failed'; readonly failure: Failure };

const include = {
  endpoint: { select: { name: true } },
  transfer: { select: { id: true, name: true } },
  worker: { select: { id: true, name: true } },
} satisfies Prisma.EndpointCheckInclude;

type Row = Prisma.EndpointCheckGetPayload<{ include: typeof include }>;

/** False if the same check of the endpoint is open. */
export async function insertEndpointCheck(db: Db, check: NewEndpointCheck): Promise<boolean> {
  const { id, endpointId, subject, pool, requestedBy } = check;
  const { kind, transferId, path } = columnsOf(subject);
  const inserted = await clientOf(db).$executeRaw`
    insert into endpoint_check (id, endpoint_id, kind, transfer_id, path, state, pool, requested_by)
    values (${id}::uuid, ${endpointId}::uuid, ${kind}, ${transferId}::uuid, ${path}, 'queued', ${pool}, ${requestedBy})
    on conflict (endpoint_id, kind, transfer_id, md5(path)) where state in ('queued', 'running') do nothing`;
  return inserted === 1;
}

export async function findEndpointCheck(db: Db, id: Id): Promise<EndpointCheck | undefined> {
  const row = await clientOf(db).endpointCheck.findUnique({ where: { id }, include });
  return row ? toCheck(row) : undefined;
}

/** The check of the endpoint that is queued or running. */
export async function findOpenEndpointCheck(
  db: Db,
  { endpointId, subject }: EndpointCheckKey,
): Promise<EndpointCheck | undefined> {
  const where = { endpointId, ...columnsOf(subject), state: { in: ['queued', 'running'] } };
  const row = await clientOf(db).endpointCheck.findFirst({ where, include });
  return row ? toCheck(row) : undefined;
}

/** Probes and scans of an endpoint, newest first; `after` is an id. */
export async function listEndpointChecks(
  db: Db,
  { limit, after }: Page,
  filter: { readonly endpointId: Id },
): Promise<Paged<EndpointCheck>> {
  const rows = await clientOf(db).endpointCheck.findMany({
    where: {
      ...filter,
      kind: { in: [...plainCheckKinds] },
      ...defined({ id: after === undefined ? undefined : { lt: after } }),
    },
    include,
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.id, toCheck);
}

/** Does any check wait for one of the pools? */
export async function isEndpointCheckQueued(db: Db, pools: readonly string[]): Promise<boolean> {
  const rows = await clientOf(db).$queryRaw<unknown[]>`
    select 1 from endpoint_check where state = 'queued' and pool = any(${[...pools]}::text[]) limit 1`;
  return rows.length > 0;
}

/** Gives the oldest check that waits for one of the pools to the worker. `undefined` if others took them all. */
export async function startEndpointCheck(
  db: Db,
  { workerId, pools }: { readonly workerId: Id; readonly pools: readonly string[] },
): Promise<EndpointCheck | undefined> {
  const started = await clientOf(db).$queryRaw<{ id: Id }[]>`
    update endpoint_check set state = 'running', worker_id = ${workerId}::uuid, started_at = now()
    where state = 'queued' and id = (
      select id from endpoint_check where state = 'queued' and pool = any(${[...pools]}::text[])
      order by id limit 1 for update skip locked)
    returning id`;
  return started[0] && (await findEndpointCheck(db, started[0].id));
}

/** Ends a check that is queued, or that this worker carries out. False if it is no longer so. */
export async function endEndpointCheck(
  db: Db,
  { id, worker }: Pick<EndpointCheck, 'id' | 'worker'>,
  end: EndpointCheckEnd,
): Promise<boolean> {
  const report = 'report' in end ? JSON.stringify(end.report) : null;
  const failure = 'failure' in end ? end.failure : undefined;
  const ended = await clientOf(db).$executeRaw`
    update endpoint_check set state = ${end.state}, finished_at = now(), report = ${report}::jsonb,
      ${failureColumns(failure)}
    where id = ${id}::uuid and state = ${worker ? 'running' : 'queued'}
      and worker_id is not distinct from ${worker?.id ?? null}::uuid`;
  return ended === 1;
}

export interface Deadlines {
  /** A worker that was silent for so long is taken for dead. */
  readonly silentMs: number;
  /** A check is queued for so long at most while no worker of its pool lives. */
  readonly unattendedMs: number;
  /** A check is queued for so long at most in any case. */
  readonly queuedMs: number;
  /** A check is carried out for so long at most. */
  readonly runningMs: number;
}

/** Why an open check has no future. */
export type Expiry = 'no-worker' | 'never-taken' | 'worker-lost' | 'too-long';

/** Open checks that nobody takes or carries on any more, locked until the transaction ends; oldest first. */
export async function claimExpiredEndpointChecks(
  db: Db,
  { silentMs, unattendedMs, queuedMs, runningMs }: Deadlines,
  limit: number,
): Promise<{ readonly id: Id; readonly expiry: Expiry }[]> {
  return await clientOf(db).$queryRaw<{ id: Id; expiry: Expiry }[]>`
    with living as (
      select id, pools from worker
      where stopped_at is null and heartbeat_at > now() - ${silentMs}::double precision * interval '1 millisecond'
    ), judged as (
      select c.id, c.state, case
        when c.state = 'queued' and c.created_at < now() - ${unattendedMs}::double precision * interval '1 millisecond'
          and not exists (select 1 from living where c.pool = any(living.pools)) then 'no-worker'
        when c.state = 'queued' and c.created_at < now() - ${queuedMs}::double precision * interval '1 millisecond'
          then 'never-taken'
        when c.state = 'running' and not exists (select 1 from living where living.id = c.worker_id) then 'worker-lost'
        when c.state = 'running' and c.started_at < now() - ${runningMs}::double precision * interval '1 millisecond'
          then 'too-long'
      end as expiry
      from endpoint_check c where c.state in ('queued', 'running')
    )
    select c.id, judged.expiry from endpoint_check c join judged on judged.id = c.id
    where judged.expiry is not null and c.state = judged.state
    order by c.id limit ${limit} for update of c skip locked`;
}

function columnsOf(subject: CheckSubject) {
  return { transferId: null, path: null, ...subject };
}

function toCheck(given: Row): EndpointCheck {
  const { endpoint, transfer, worker, failureCode, failureMessage, failureOwner, ...columns } = given;
  const { workerId: _, transferId: __, ...row } = columns;
  return {
    ...row,
    endpointName: endpoint.name,
    kind: row.kind as EndpointCheckKind,
    transfer: transfer ?? undefined,
    path: (row.path ?? undefined) as RemotePath | undefined,
    state: row.state as EndpointCheckState,
    worker: worker ?? undefined,
    report: (row.report ?? undefined) as unknown as EndpointCheckReport | undefined,
    failure: toFailure(given),
    startedAt: row.startedAt ?? undefined,
    finishedAt: row.finishedAt ?? undefined,
  };
}
