import { isId } from '@waybill/domain';
import { UnrecoverableError } from 'bullmq';
import type { RunJob } from './run-queue.js';

const POOL_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Each pool is a queue of its own. @throws on a name that is no pool's name */
export function queueNameOf(pool: string): string {
  if (POOL_NAME.test(pool)) return `runs-${pool}`;
  throw new Error(
    `worker pool "${pool}": a name has 1 to 63 characters a-z, 0-9 and '-', and starts with no '-'`,
  );
}

/** The same run and epoch have the same id, and so are one job. */
export function jobIdOf({ runId, epoch }: RunJob): string {
  return `${runId}_${epoch}`;
}

/** Checks what came out of the queue. @throws UnrecoverableError: it will not be better next time */
export function readRunJob(data: unknown): RunJob {
  const { runId, epoch } = (data ?? {}) as Partial<RunJob>;
  if (typeof runId === 'string' && isId(runId) && Number.isSafeInteger(epoch))
    return { runId, epoch: epoch as number };
  throw new UnrecoverableError('the job carries not a run and its epoch; enqueue runs through RunQueue');
}
