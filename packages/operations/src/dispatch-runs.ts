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
}

/** A run that nobody took this long after the queue was told of it is looked for in the queue. */
const overdueMs = 20_000;

/** Calls to the queue under way at once. */
const atOnce = 20;

/**
 * Tells the queue of the runs it has yet to be told of. Returns how many. Any number of dispatchers may do so at once,
 * and die in between: the same run and epoch twice is one job.
 * @throws the queue's first error, after the runs that it took were marked
 */
export async function dispatchQueuedRuns({ database, queue, limit = 500 }: DispatchOptions): Promise<number> {
  const runs = await listUndispatchedRuns(database, limit);
  return await inGroups(database, runs, async (run) => {
    await enqueue(queue, run);
    return true;
  });
}

/**
 * Tells the queue again of runs that it has forgotten, after a loss of its server's data. Returns how many. Runs that it
 * knows go to the end of the line, so that each one is looked at in turn.
 */
export async function reconcileQueue({ database, queue, limit = 500 }: DispatchOptions): Promise<number> {
  const runs = await listOverdueRuns(database, overdueMs, limit);
  return await inGroups(database, runs, async (run) => {
    if (await queue.knows({ runId: run.runId, epoch: run.epoch }, run.pool)) return false;
    await enqueue(queue, run);
    return true;
  });
}

/** Counts for how many runs `tell` said yes. */
async function inGroups(
  database: Database,
  runs: readonly QueuedRun[],
  tell: (run: QueuedRun) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  for (let start = 0; start < runs.length; start += atOnce) {
    const group = runs.slice(start, start + atOnce);
    const results = await Promise.allSettled(group.map(tell));
    await markEnqueued(
      database,
      group.filter((_, i) => results[i]?.status === 'fulfilled'),
    );
    count += results.filter((result) => result.status === 'fulfilled' && result.value).length;
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
  }
  return count;
}

async function enqueue(queue: RunQueue, { runId, epoch, pool, notBefore }: QueuedRun): Promise<void> {
  await queue.enqueue({ runId, epoch }, { pool, ...(notBefore && { notBefore }) });
}
