import { dispatchQueuedRuns, publishOutbox } from '@waybill/operations';
import type { ApiDeps } from './deps.js';

/** Told that a run was changed: wakes workers and listeners now, without making the request wait. */
export type AfterCommit = () => void;

/**
 * Best effort: what fails here is done by the scheduler's next round. Calls that come while one is under way are
 * answered by a single further one.
 */
export function createAfterCommit({ database, queue, signals, log }: ApiDeps): AfterCommit {
  let running = false;
  let again = false;

  const round = async () => {
    if (queue) await dispatchQueuedRuns({ database, queue });
    if (signals) await publishOutbox({ database, signals });
  };
  const run = async () => {
    running = true;
    do {
      again = false;
      await round().catch((err: unknown) => log.warn({ err }, 'dispatch is left to the scheduler'));
    } while (again);
    running = false;
  };
  return () => {
    if (running) again = true;
    else void run();
  };
}
