import { DelayedError, type Job, WaitingError } from 'bullmq';
import { within } from './deadline.js';
import type { Log } from './log.js';
import type { JobWorker, QueueBackend } from './queue-backend.js';
import { queueNameOf, readRunJob } from './run-job.js';
import {
  type JobOutcome,
  type RunConsumer,
  type RunHandler,
  type RunJob,
  ShuttingDown,
} from './run-queue.js';
import type { QueueSettings } from './settings.js';
import { storableError } from './storable-error.js';

export interface ConsumerOptions {
  readonly pool: string;
  readonly concurrency: number;
  readonly name: string;
}

/** Starts taking jobs of a pool. @throws if the server does not answer within `openTimeoutMs` */
export async function openConsumer(
  backend: QueueBackend,
  { pool, concurrency, name }: ConsumerOptions,
  handler: RunHandler,
  settings: QueueSettings,
  log: Log,
): Promise<RunConsumer> {
  const running = new Set<AbortController>();
  let closed: Promise<void> | undefined;
  let whenIdle: () => void = () => undefined;

  async function execute(job: Job<RunJob, void>, token?: string): Promise<void> {
    // What was being fetched when we stopped goes back at once.
    const outcome = closed ? ({ kind: 'hand-back' } as const) : await handle(job, readRunJob(job.data));
    await settle(job, token, outcome);
  }

  // The signal is ours, not BullMQ's, which also fires when a lock is lost: the lease in the database decides on that.
  async function handle(job: Job<RunJob, void>, run: RunJob): Promise<JobOutcome> {
    const abort = new AbortController();
    running.add(abort);
    try {
      return await handler(run, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) {
        log('info', `pool ${pool}: handed back job ${job.id}: the worker stops`, error);
        return { kind: 'hand-back' };
      }
      log('warn', `pool ${pool}: job ${job.id} failed, try ${job.attemptsMade + 1}`, error);
      throw storableError(error);
    } finally {
      running.delete(abort);
      if (running.size === 0) whenIdle();
    }
  }

  async function close(graceMs: number): Promise<void> {
    const finished = worker.close();
    const idle = new Promise<void>((resolve) => {
      whenIdle = resolve;
    });
    // Too late is no failure here: it is what the abort is for.
    if (running.size > 0) await within(graceMs, 'the grace period', idle).catch(() => undefined);
    for (const abort of running) abort.abort(new ShuttingDown(`worker ${name} stops: hand the run back`));
    await within(settings.closeTimeoutMs, `closing the consumer of pool ${pool}`, finished).catch((error) => {
      log('error', `pool ${pool}: gave up waiting, ${running.size} handlers still running`, error);
      // Also waits for a server that is gone; what is left over ends with the process.
      worker.disconnect().catch((cause) => log('debug', `pool ${pool}: disconnecting`, cause));
    });
  }

  const worker = backend.openWorker(queueNameOf(pool), execute, {
    name,
    concurrency,
    lockDuration: settings.lockDurationMs,
    stalledInterval: settings.stalledIntervalMs,
    maxStalledCount: settings.maxStalledCount,
    runRetryDelay: settings.reconnectDelayMs,
  });
  report(worker, pool, log);
  await within(settings.openTimeoutMs, `consuming pool ${pool}`, worker.waitUntilReady()).catch(
    async (error) => {
      await close(0);
      throw error;
    },
  );
  return {
    get active() {
      return running.size;
    },
    close: (graceMs) => {
      closed ??= close(graceMs);
      return closed;
    },
  };
}

/** Neither way of giving a job back uses up one of its attempts. */
async function settle(job: Job<RunJob, void>, token: string | undefined, outcome: JobOutcome): Promise<void> {
  switch (outcome.kind) {
    case 'done':
      return;
    case 'postpone-until':
      await job.moveToDelayed(Math.max(outcome.until.getTime(), Date.now()), token);
      throw new DelayedError();
    case 'hand-back':
      await job.moveToWait(token);
      throw new WaitingError();
  }
}

function report(worker: JobWorker, pool: string, log: Log): void {
  worker.on('error', (error) => log('warn', `pool ${pool}: queue`, error));
  worker.on('stalled', (jobId) => log('warn', `pool ${pool}: job ${jobId} lost its worker, delivered again`));
  worker.on('lockRenewalFailed', (jobIds) =>
    log('warn', `pool ${pool}: lost the lock of ${jobIds.join(', ')}; the lease in the database decides`),
  );
  worker.on('failed', (job, error) => {
    if (job && job.finishedOn === undefined) return; // tried again
    const run = job ? `run ${job.data.runId}` : 'a job';
    log('error', `pool ${pool}: the queue gave up on ${run}; the scheduler dispatches it again`, error);
  });
}
