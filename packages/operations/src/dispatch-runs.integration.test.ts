import { findRun } from '@waybill/db';
import type { DelayedJob, EnqueueOptions, RunJob, RunQueue, Signals } from '@waybill/queue';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancelRun } from './cancel-run.js';
import { dispatchQueuedRuns, reconcileQueue } from './dispatch-runs.js';
import { finishAttempt } from './finish-attempt.js';
import { pruneOutbox, publishOutbox } from './publish-outbox.js';
import { makeRun, openTestContext, startedRun, type TestContext } from './testing/exchange.js';

/** A queue in memory: what BullMQ keeps of a job, and a server that can be down. */
class MemoryQueue implements RunQueue {
  readonly jobs = new Map<string, EnqueueOptions>();
  down = false;
  async enqueue({ runId, epoch }: RunJob, options: EnqueueOptions): Promise<void> {
    if (this.down) throw new Error('the queue is down');
    this.jobs.set(`${runId}_${epoch}`, options);
  }
  async enqueueAll(jobs: readonly DelayedJob[], pool: string): Promise<void> {
    for (const { job, notBefore } of jobs) await this.enqueue(job, { pool, ...(notBefore && { notBefore }) });
  }
  async knows({ runId, epoch }: RunJob): Promise<boolean> {
    return this.jobs.has(`${runId}_${epoch}`);
  }
  async close(): Promise<void> {}
}

let context: TestContext;
let queue: MemoryQueue;
beforeAll(async () => {
  context = await openTestContext();
});
beforeEach(async () => {
  queue = new MemoryQueue();
  await dispatchQueuedRuns({ database: context.database, queue: new MemoryQueue() });
});
afterAll(() => context[Symbol.asyncDispose]());

/** As if that many seconds had passed since the queue was told. */
async function age(seconds: number): Promise<void> {
  await context.database.prisma.$executeRaw`
    update run set enqueued_at = enqueued_at - ${seconds}::double precision * interval '1 second'`;
}

describe('the dispatcher', () => {
  it('tells the queue of each queued run once', async () => {
    const { database } = context;
    const runs = [await makeRun(context), await makeRun(context)];
    expect(await dispatchQueuedRuns({ database, queue })).toBe(2);
    expect(await dispatchQueuedRuns({ database, queue })).toBe(0);
    expect([...queue.jobs.keys()].sort()).toEqual(runs.map(({ id }) => `${id}_1`).sort());
    expect(queue.jobs.get(`${runs[0]?.id}_1`)).toEqual({ pool: 'dmz' });
  });

  it('tells it again, with the delay, after an attempt that is to be retried', async () => {
    const fence = await startedRun(context);
    const at = new Date(Date.now() + 60_000);
    const failure = { code: 'timed-out', message: 'no answer' } as const;
    await finishAttempt(context, fence, { kind: 'retry-at', at, failure });
    await dispatchQueuedRuns({ database: context.database, queue });
    expect(queue.jobs.get(`${fence.runId}_2`)).toEqual({ pool: 'dmz', notBefore: at });
  });

  it('leaves the runs for later while the queue is down', async () => {
    const run = await makeRun(context);
    queue.down = true;
    await expect(dispatchQueuedRuns({ database: context.database, queue })).rejects.toThrow('down');
    expect((await findRun(context.database, run.id))?.enqueuedAt).toBeUndefined();
    queue.down = false;
    expect(await dispatchQueuedRuns({ database: context.database, queue })).toBe(1);
  });
});

describe('the reconciler', () => {
  it('brings back every run that the queue has lost, and no other', async () => {
    const { database } = context;
    const run = await makeRun(context);
    const cancelled = await makeRun(context);
    await dispatchQueuedRuns({ database, queue });
    await cancelRun(context, cancelled.id);
    queue.jobs.clear();
    await age(10);
    expect(await reconcileQueue({ database, queue })).toBe(0);
    await age(11);
    await reconcileQueue({ database, queue });
    expect(queue.jobs.has(`${run.id}_1`)).toBe(true);
    expect([...queue.jobs.keys()].filter((id) => id.startsWith(cancelled.id))).toEqual([]);
    expect(await reconcileQueue({ database, queue })).toBe(0);
  });

  it('looks at all runs in turn, also when they are more than one batch', async () => {
    const { database } = context;
    for (let i = 0; i < 6; i++) await makeRun(context);
    await dispatchQueuedRuns({ database, queue });
    const known = queue.jobs.size;
    await age(30);
    await reconcileQueue({ database, queue, limit: 3 });
    queue.jobs.clear();
    await age(30);
    for (let i = 0; i < 20; i++) await reconcileQueue({ database, queue, limit: 3 });
    expect(queue.jobs.size).toBeGreaterThanOrEqual(known);
  });
});

describe('the outbox', () => {
  it('is published in order, once, and kept for an hour', async () => {
    const { database } = context;
    const published: [string, unknown][] = [];
    const signals: Signals = {
      publish: async (topic, message) => void published.push([topic, message]),
      subscribe: async () => async () => {},
      close: async () => {},
    };
    await publishOutbox({ database, signals });
    published.length = 0;
    const { runId } = await startedRun(context);
    expect(await publishOutbox({ database, signals })).toBe(2);
    expect(await publishOutbox({ database, signals })).toBe(0);
    expect(published).toEqual([
      [`runs.${runId}.changed`, { runId, state: 'queued' }],
      [`runs.${runId}.changed`, { runId, state: 'running' }],
    ]);
    expect(await pruneOutbox(database)).toBe(0);
    await database.prisma.$executeRaw`update outbox set published_at = now() - interval '61 minutes'`;
    expect(await pruneOutbox(database)).toBeGreaterThanOrEqual(2);
  });
});
