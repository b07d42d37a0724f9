import {
  type Database,
  listOverdueRuns,
  listUndispatchedRuns,
  markEnqueued,
  type QueuedRun,
} from '@waybill/db';
import type { RunQueue } from '@waybill/queue';

export interface DispatchOptions {
  readonly database: Database;
  readonly queue: RunQueue;
  /** At most so many runs. Default: 500. */
  readonly limit?: number;
  /** Takes no further group after so long. Default: no bound but `limit`. */
  readonly forMs?: number;
}

/** A run that nobody took this long after the queue was told of it is looked for in the queue. */
const overdueMs = 20_000;

/** So many runs the queue is told of at once, of a pool. */
const GROUP = 200;

/** So many are looked for at once. */
const LOOKS = 20;

/**
 * Tells the queue of the runs it has yet to be told of. Returns how many. Any number of dispatchers may do so at once,
 * and die in between: the same run and epoch twice is one job.
 * @throws the queue's first error, after the runs that it took were marked
 */
export async function dispatchQueuedRuns({
  database,
  queue,
  limit = 500,
  forMs = Number.POSITIVE_INFINITY,
}: DispatchOptions): Promise<number> {
  const deadline = performance.now() + forMs;
  const runs = await listUndispatchedRuns(database, limit);
  let count = 0;
  for (let start = 0; start < runs.length && performance.now() < deadline; start += GROUP)
    count += await tell(database, queue, runs.slice(start, start + GROUP));
  return count;
}

/**
 * Tells the queue again of runs that it has forgotten, after a loss of its server's data. Returns how many. Runs that it
 * knows go to the end of the line, so that each one is looked at in turn.
 */
export async function reconcileQueue({ database, queue, limit = 500 }: DispatchOptions): Promise<number> {
  const runs = await listOverdueRuns(database, overdueMs, limit);
  let count = 0;
  for (let start = 0; start < runs.length; start += LOOKS) {
    const group = runs.slice(start, start + LOOKS);
    const known = await Promise.all(
      group.map(({ runId, epoch, pool }) => queue.knows({ runId, epoch }, pool)),
    );
    count += await tell(
      database,
      queue,
      group.filter((_, i) => !known[i]),
    );
    await markEnqueued(
      database,
      group.filter((_, i) => known[i]),
    );
  }
  return count;
}

async function tell(database: Database, queue: RunQueue, runs: readonly QueuedRun[]): Promise<number> {
  for (const pool of new Set(runs.map((run) => run.pool))) {
    const group = runs.filter((run) => run.pool === pool);
    const jobs = group.map(({ runId, epoch, notBefore }) => ({
      job: { runId, epoch },
      notBefore: notBefore ?? undefined,
    }));
    await queue.enqueueAll(jobs, pool);
    await markEnqueued(database, group);
  }
  return runs.length;
}
