import { type Database, pruneNotifications } from '@waybill/db';
import type { Actor } from '@waybill/domain';
import type { Mailer } from '@waybill/notify';
import {
  dispatchQueuedRuns,
  expireChecks,
  fireDueSchedules,
  planNotifications,
  pruneOutbox,
  publishOutbox,
  reconcileQueue,
  rescueLostAttempts,
} from '@waybill/operations';
import type { QueueSystem } from '@waybill/queue';
import type { Vault } from '@waybill/secrets';
import type { Logger } from '@waybill/telemetry';
import { type Loop, type Step, startLoop } from './loop.js';
import { sendNotifications } from './notifier.js';

export interface SchedulerParts {
  readonly database: Database;
  readonly queue: QueueSystem;
  readonly log: Logger;
  /** Opens the keys that sign webhooks; left out: they are not sent. */
  readonly vault?: Vault | undefined;
  /** Left out: no mail is sent. */
  readonly mailer?: Mailer | undefined;
}

/** Schedules, lost attempts and the like are taken in bites of so many; the next tick takes the next. */
const BITE = 100;

/** What may come in thousands, at the minute: a step goes on with it until it is through, or the others have to have a turn. */
const SHIFT = { limit: 10_000, forMs: 2_000 } as const;

/** How long the log of delivered messages is kept. */
const NOTIFICATIONS_KEPT_MS = 30 * 86_400_000;

/** Starts the ticking. Any number of schedulers may run at once: each step claims what it does in the database. */
export function startScheduler({ database, queue, log, vault, mailer }: SchedulerParts): Loop {
  const actor: Actor = { kind: 'scheduler', name: 'scheduler' };
  const context = { database, actor };
  const steps: Step[] = [
    {
      name: 'fire-schedules',
      everyMs: 1_000,
      run: async () => (await fireDueSchedules(context, { now: new Date(), ...SHIFT })).length,
    },
    {
      name: 'rescue-attempts',
      everyMs: 2_000,
      run: async () => (await rescueLostAttempts(context, { limit: BITE })).length,
    },
    {
      name: 'dispatch-runs',
      everyMs: 1_000,
      run: () => dispatchQueuedRuns({ database, queue: queue.queue, ...SHIFT }),
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
    {
      name: 'plan-notifications',
      everyMs: 1_000,
      run: async () => await planNotifications(database, { now: new Date(), limit: BITE }),
    },
    {
      name: 'prune-notifications',
      everyMs: 600_000,
      run: () => pruneNotifications(database, NOTIFICATIONS_KEPT_MS),
    },
    { name: 'prune-outbox', everyMs: 600_000, run: () => pruneOutbox(database) },
  ];
  // A loop of its own: receivers that are slow to answer hold up no schedule.
  const stopped = new AbortController();
  const send = () => sendNotifications({ context, vault, mailer }, stopped.signal);
  const sending = startLoop([{ name: 'send-notifications', everyMs: 1_000, run: send }], log);
  const deciding = startLoop(steps, log);
  log.info('scheduler started');
  return {
    poke: () => deciding.poke(),
    close: async () => {
      stopped.abort();
      await Promise.all([deciding.close(), sending.close()]);
    },
  };
}
