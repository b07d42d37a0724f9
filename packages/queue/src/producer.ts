import { within } from './deadline.js';
import type { Log } from './log.js';
import type { JobQueue, QueueBackend } from './queue-backend.js';
import { jobIdOf, queueNameOf } from './run-job.js';
import type { DelayedJob, RunQueue } from './run-queue.js';
import type { QueueSettings } from './settings.js';

const GONE = new Set(['unknown', 'completed', 'failed']);

/** The producing side. Its promises reject within `commandTimeoutMs` (roughly) if the server is gone. */
export function openProducer(backend: QueueBackend, settings: QueueSettings, log: Log): RunQueue {
  const queues = new Map<string, JobQueue>();
  // A bound above the server's own: what is asked of a connection may wait for one before.
  const timeoutMs = 2 * settings.commandTimeoutMs;

  function queueOf(pool: string): JobQueue {
    const known = queues.get(pool);
    if (known) return known;
    const queue = backend.openQueue(queueNameOf(pool), {
      // No job has a priority: BullMQ 6.7 on Redis wakes nobody for a job that is handed back with one, and serves jobs with
      // one only after all without.
      // Kept jobs would swallow a later enqueue of the same run, and trimming them deadlocks on PostgreSQL.
      defaultJobOptions: {
        removeOnComplete: true,
        removeOnFail: true,
        attempts: settings.attempts,
        backoff: { type: 'fixed', delay: settings.attemptDelayMs },
        stackTraceLimit: 0,
      },
      streams: { events: { maxLen: 1_000 } },
    });
    queue.on('error', (error) => log('warn', `queue: producing for pool ${pool}`, error));
    queues.set(pool, queue);
    return queue;
  }

  async function enqueueAll(jobs: readonly DelayedJob[], pool: string): Promise<void> {
    const added = queueOf(pool).addBulk(jobs.map(toBullJob));
    await within(timeoutMs, `enqueue ${jobs.length} run(s) for pool ${pool}`, added);
  }

  return {
    enqueueAll,
    enqueue: (job, { pool, notBefore }) => enqueueAll([{ job, notBefore }], pool),
    async knows(job, pool) {
      const state = queueOf(pool).getJobState(jobIdOf(job));
      return !GONE.has(await within(timeoutMs, `look for run ${job.runId} in pool ${pool}`, state));
    },
    async close() {
      const open = [...queues.values()];
      queues.clear();
      const closed = Promise.all(open.map((queue) => queue.close()));
      await within(settings.closeTimeoutMs, 'closing the producing side of the queue', closed);
    },
  };
}

function toBullJob({ job, notBefore }: DelayedJob) {
  const delay = notBefore ? Math.max(0, notBefore.getTime() - Date.now()) : 0;
  return { name: 'run', data: { runId: job.runId, epoch: job.epoch }, opts: { jobId: jobIdOf(job), delay } };
}
