import type { Breaker, BreakerState, Id } from '@waybill/domain';
import { clientOf, type Db } from './db.js';

/** As it is stored: all empty where there is none. */
export interface BreakerRow {
  readonly state: string | null;
  readonly failures: number | null;
  readonly openings: number | null;
  readonly openUntil: Date | null;
  readonly failure: unknown;
  readonly since: Date | null;
}

/** A breaker, and when it took its state. */
export interface BreakerRecord extends Breaker {
  readonly since: Date;
}

export function toBreaker(row: BreakerRow): BreakerRecord | undefined {
  const { state, failures, openings, openUntil, failure, since } = row;
  if (state === null || since === null) return undefined;
  return {
    state: state as BreakerState,
    failures: failures ?? 0,
    openings: openings ?? 0,
    until: openUntil ?? undefined,
    failure: (failure ?? undefined) as Breaker['failure'],
    since,
  };
}

export async function findBreaker(db: Db, endpointId: Id): Promise<BreakerRecord | undefined> {
  const row = await clientOf(db).endpointBreaker.findUnique({ where: { endpointId } });
  return row ? toBreaker(row) : undefined;
}

/** In the place of what was remembered before. It takes its state now, not when the transaction began. */
export async function saveBreaker(db: Db, endpointId: Id, breaker: Breaker): Promise<void> {
  const { state, failures, openings, until, failure } = breaker;
  await clientOf(db).$executeRaw`
    insert into endpoint_breaker (endpoint_id, state, failures, openings, open_until, failure, since)
    values (${endpointId}::uuid, ${state}, ${failures}, ${openings}, ${until ?? null}::timestamptz,
            ${failure ? JSON.stringify(failure) : null}::jsonb, clock_timestamp())
    on conflict (endpoint_id) do update set state = excluded.state, failures = excluded.failures,
      openings = excluded.openings, open_until = excluded.open_until, failure = excluded.failure,
      since = excluded.since`;
}

export async function deleteBreaker(db: Db, endpointId: Id): Promise<void> {
  await clientOf(db).$executeRaw`delete from endpoint_breaker where endpoint_id = ${endpointId}::uuid`;
}
