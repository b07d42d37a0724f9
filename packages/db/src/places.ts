import type { EndpointLimits, Id, Place } from '@waybill/domain';
import { type BreakerRow, toBreaker } from './breakers.js';
import { clientOf, type Db } from './db.js';
import { Prisma } from './generated/client.js';
import type { Fence, Run } from './runs.js';

/** A place of a run: its source, its target, or a jump host on the way. */
export interface RunPlace extends Place {
  readonly endpointId: Id;
}

/** These endpoints, and the jump hosts on the way to them. */
const wayTo = (endpoints: Prisma.Sql) => Prisma.sql`
  way(id) as (
    ${endpoints}
    union select e.jump_endpoint_id from endpoint e join way on way.id = e.id where e.jump_endpoint_id is not null)`;

/** The endpoints that a run needs. */
const wayOf = (runId: Id) =>
  wayTo(Prisma.sql`
    select unnest(array[v.source_endpoint_id, v.target_endpoint_id])
    from run join transfer_version v on v.id = run.transfer_version_id where run.id = ${runId}::uuid`);

/**
 * Locks the endpoints that a run needs until the transaction ends: who starts and who ends runs there goes one after the
 * other. To be called before anything else is locked. Returns their ids.
 */
export async function lockPlaces(db: Db, runId: Id): Promise<Id[]> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    with recursive ${wayOf(runId)}
    select id from endpoint where id in (select id from way) order by id for no key update`;
  return rows.map(({ id }) => id);
}

/** The ids of the endpoints that a run needs. */
export async function listPlaceIds(db: Db, runId: Id): Promise<Id[]> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    with recursive ${wayOf(runId)} select id from way order by id`;
  return rows.map(({ id }) => id);
}

/** An endpoint and the jump hosts on the way there. */
export async function listWay(db: Db, endpointId: Id): Promise<Id[]> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    with recursive ${wayTo(Prisma.sql`select ${endpointId}::uuid`)} select id from way order by id`;
  return rows.map(({ id }) => id);
}

/** The same, locked as `lockPlaces` does. */
export async function lockWay(db: Db, endpointId: Id): Promise<Id[]> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    with recursive ${wayTo(Prisma.sql`select ${endpointId}::uuid`)}
    select id from endpoint where id in (select id from way) order by id for no key update`;
  return rows.map(({ id }) => id);
}

/** Is there a breaker of the endpoint, or of a jump host on the way there? */
export async function hasBreakerOnWay(db: Db, endpointId: Id): Promise<boolean> {
  const rows = await clientOf(db).$queryRaw<unknown[]>`
    with recursive ${wayTo(Prisma.sql`select ${endpointId}::uuid`)}
    select 1 from endpoint_breaker where endpoint_id in (select id from way) limit 1`;
  return rows.length > 0;
}

/** A probe signs in twice at most. */
export const CONNECTIONS_OF_CHECK = 2;

/** A worker that was silent for longer has no slots. */
const workerSilentMs = 60_000;

/** A run that has waited for as long keeps a place that it passed, while it stands in the line of a later one. */
const reservesAfterMs = 600_000;

/** What goes on at each endpoint that a queued run needs, in the order of their ids; `lockPlaces` holds them. */
export async function listPlaces(db: Db, { id, pool }: Run): Promise<RunPlace[]> {
  const rows = await clientOf(db).$queryRaw<(RunPlace & BreakerRow & { limits: EndpointLimits })[]>`
    with recursive ${wayOf(id)},
      uses(place, endpoint) as (
        select id, id from way
        union select u.place, e.id from endpoint e join uses u on e.jump_endpoint_id = u.endpoint),
      use(place, run_id, ends) as (
        select u.place, r.id, count(distinct u.endpoint)::int
        from run r join transfer_version v on v.id = r.transfer_version_id
        join uses u on u.endpoint in (v.source_endpoint_id, v.target_endpoint_id)
        where (r.state = 'running' and r.lease_until > now()) or r.id = ${id}::uuid
        group by u.place, r.id),
      counted as (
        select use.place,
          (count(*) filter (where r.id <> ${id}::uuid))::int as runs,
          (count(*) filter (where r.id <> ${id}::uuid and r.pool = ${pool}))::int as runs_of_pool,
          (count(*) filter (where r.id <> ${id}::uuid and a.started_at >= b.since))::int as trials,
          coalesce(sum(use.ends) filter (where r.id <> ${id}::uuid), 0)::int as connections,
          coalesce(sum(use.ends) filter (where r.id = ${id}::uuid), 0)::int as needs
        from use join run r on r.id = use.run_id
        left join attempt a on a.run_id = r.id and a.epoch = r.epoch
        left join endpoint_breaker b on b.endpoint_id = use.place
        group by use.place)
    select e.id as "endpointId", e.name, e.limits, (e.kind = 'local' or not ends.here) as common,
      b.state, b.failures, b.openings, b.open_until as "openUntil", b.failure, b.since,
      c.runs, c.runs_of_pool as "runsOfPool", c.trials, c.needs,
      c.connections + ${CONNECTIONS_OF_CHECK} * (
        select count(*)::int from endpoint_check k join uses u on u.endpoint = k.endpoint_id
        where u.place = e.id and k.state = 'running') as connections,
      (select coalesce(sum(w.concurrency), 0)::int from worker w
       where w.stopped_at is null and ${pool} = any(w.pools)
         and w.heartbeat_at > now() - ${workerSilentMs}::double precision * interval '1 millisecond')
        as "slotsOfPool",
      (select count(*)::int from run o where o.waiting_endpoint_id = e.id and o.pool = ${pool}
         and o.id < ${id}::uuid) as before,
      (select count(*)::int from run o join transfer_version v on v.id = o.transfer_version_id
       where o.waiting_endpoint_id > e.id and o.waiting_reason in ('max-runs', 'max-connections', 'fair-share')
         and o.pool = ${pool} and o.id < ${id}::uuid
         and o.waiting_since < now() - ${reservesAfterMs}::double precision * interval '1 millisecond'
         and exists (select 1 from uses u
                     where u.place = e.id and u.endpoint in (v.source_endpoint_id, v.target_endpoint_id))
         and not exists (select 1 from run h where h.waiting_endpoint_id = o.waiting_endpoint_id
                         and h.pool = o.pool and h.id < o.id)) as reserved
    from counted c join endpoint e on e.id = c.place
    cross join lateral (
      select e.id in (v.source_endpoint_id, v.target_endpoint_id) as here
      from run r join transfer_version v on v.id = r.transfer_version_id where r.id = ${id}::uuid) ends
    left join endpoint_breaker b on b.endpoint_id = e.id
    order by e.id`;
  return rows.map(({ state, failures, openings, openUntil, failure, since, ...place }) => ({
    ...place,
    breaker: toBreaker({ state, failures, openings, openUntil, failure, since }),
  }));
}

/** An endpoint that an attempt has open, as its limits are now. */
export interface Share {
  readonly endpointId: Id;
  readonly name: string;
  readonly limits: EndpointLimits;
  /** Running runs that have it for source or target, this one included. */
  readonly runs: number;
}

/** The endpoints that a running run has open, and the jump hosts on the way. */
export async function listShares(db: Db, { runId }: Pick<Fence, 'runId'>): Promise<Share[]> {
  return await clientOf(db).$queryRaw<Share[]>`
    with recursive ${wayOf(runId)}
    select e.id as "endpointId", e.name, e.limits, (
      select count(*)::int from run r join transfer_version v on v.id = r.transfer_version_id
      where r.state = 'running' and r.lease_until > now()
        and e.id in (v.source_endpoint_id, v.target_endpoint_id)) as runs
    from endpoint e where e.id in (select id from way) order by e.id`;
}
