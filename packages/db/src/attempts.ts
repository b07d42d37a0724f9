import { type AttemptState, type Failure, type Id, newId } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { Fence } from './runs.js';
import { failureColumns, toFailure } from './values.js';

/** One try of a run, on one worker. */
export interface Attempt {
  readonly id: Id;
  readonly runId: Id;
  readonly epoch: number;
  readonly workerId: Id;
  readonly workerName: string;
  readonly state: AttemptState;
  readonly failure: Failure | undefined;
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
}

/** It begins now, not when the transaction did, which may have waited for whoever changes an endpoint. */
export async function insertAttempt(db: Db, fence: Fence): Promise<Id> {
  const id = newId();
  const { runId, epoch, workerId } = fence;
  await clientOf(db).$executeRaw`
    insert into attempt (id, run_id, epoch, worker_id, state, started_at)
    values (${id}::uuid, ${runId}::uuid, ${epoch}, ${workerId}::uuid, 'running', clock_timestamp())`;
  return id;
}

/** Did the attempt begin before the settings or a credential of the endpoint became what they are? */
export async function beganBeforeChangeOf(db: Db, endpointId: Id, { runId, epoch }: Fence): Promise<boolean> {
  const rows = await clientOf(db).$queryRaw<unknown[]>`
    select 1 from attempt a join endpoint e on e.id = ${endpointId}::uuid
    left join credential c on c.endpoint_id = e.id
    where a.run_id = ${runId}::uuid and a.epoch = ${epoch}
      and a.started_at < greatest(e.updated_at, c.updated_at)
    limit 1`;
  return rows.length > 0;
}

export async function endAttempt(
  db: Db,
  { runId, epoch }: Fence,
  state: Exclude<AttemptState, 'running'>,
  failure: Failure | undefined,
): Promise<void> {
  await clientOf(db).$executeRaw`
    update attempt set state = ${state}, finished_at = now(), ${failureColumns(failure)}
    where run_id = ${runId}::uuid and epoch = ${epoch} and state = 'running'`;
}

/** How many of the run's newest attempts were lost, one after the other. */
export async function countLostInARow(db: Db, runId: Id): Promise<number> {
  const rows = await clientOf(db).$queryRaw<{ lost: number }[]>`
    select count(*)::int as lost from attempt
    where run_id = ${runId}::uuid and state = 'lost' and epoch > (
      select coalesce(max(epoch), 0) from attempt where run_id = ${runId}::uuid and state <> 'lost')`;
  return rows[0]?.lost ?? 0;
}

/** All of a run, oldest first. */
export async function listAttempts(db: Db, runId: Id): Promise<Attempt[]> {
  const rows = await clientOf(db).attempt.findMany({
    where: { runId },
    include: { worker: { select: { name: true } } },
    orderBy: { epoch: 'asc' },
  });
  return rows.map(({ worker, failureCode, failureMessage, failureOwner, ...row }) => ({
    ...row,
    workerName: worker.name,
    state: row.state as AttemptState,
    failure: toFailure({ failureCode, failureMessage, failureOwner }),
    finishedAt: row.finishedAt ?? undefined,
  }));
}
