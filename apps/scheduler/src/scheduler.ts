import type { Database } from '@waybill/db';
import type { Actor } from '@waybill/domain';
import {
  dispatchQueuedRuns,
  expireChecks,
  fireDueSchedules,
  pruneOutbox,
  publishOutbox,
  reconcileQueue,
  rescueLostAttempts,
} from '@waybill/operations';
import type { QueueSystem } from '@waybill/queue';
import type { Logger } from '@waybill/telemetry';
import { type Loop, type Step, startLoop } from './loop.js';

export interface SchedulerParts {
  readonly database: Database;
  readonly queue: QueueSystem;
  readonly log: Logger;
}

/** Schedules, lost attempts and the like are taken in bites of so many; the next tick takes the next. */
const BITE = 100;

/** Starts the ticking. Any number of schedulers may run at once: each step claims what it does in the database. */
export function startScheduler({ database, queue, log }: SchedulerParts): Loop {
  const actor: Actor = { kind: 'scheduler', name: 'scheduler' };
  const context = { database, actor };
  const steps: Step[] = [
    {
      name: 'fire-schedules',
      everyMs: 1_000,
      run: async () => (await fireDueSchedules(context, { now: new Date(), limit: BITE })).length,
    },
    {
      name: 'rescue-attempts',
      everyMs: 2_000,
      run: async () => (await rescueLostAttempts(context, { limit: BITE })).length,
    },
    {
      name: 'dispatch-runs',
      everyMs: 1_000,
      run: () => dispatchQueuedRuns({ database, queue: queue.queue }),
    },
    {
      name: 'publish-outbox',
      everyMs: 1_000,
      run: () => publishOutbox({ database, signals: queue.signals }),
    },
    {
      name: 'expire-checks',
      everyMs: 5_000,
      run: async () => (await expireChecks(context, { limit: BITE })).length,
    },
    { name: 'reconcile-queue', everyMs: 5_000, run: () => reconcileQueue({ database, queue: queue.queue }) },
    { name: 'prune-outbox', everyMs: 600_000, run: () => pruneOutbox(database) },
  ];
  log.info('scheduler started');
  return startLoop(steps, log);
}
