import {
  appendAuditEvent,
  awaitAgain,
  findRun,
  insertRunChanged,
  lockRun,
  type Run,
  restartRun,
  reviveFailedDeliveries,
  transaction,
} from '@waybill/db';
import { type Id, mayBecome } from '@waybill/domain';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';

/** From `running` only the worker puts it back. */
const retriedFrom = mayBecome('queued').filter((state) => state !== 'running');

/**
 * Puts a run that failed, was cancelled or is held back into the queue, with all its attempts before it. Files that
 * were delivered stay delivered, and are waited for anew where they were not acknowledged; the others go on where they
 * stopped, and those that were held back as duplicates are delivered.
 * @throws OperationError `not-found`, or `state` if there is nothing to retry
 */
export async function retryRun({ database, actor }: Context, runId: Id): Promise<Run> {
  return await transaction(database, async (tx) => {
    const before = await lockRun(tx, runId);
    if (!before) throw notFound('run', runId);
    if (!(await restartRun(tx, runId, retriedFrom)))
      throw new OperationError(
        'state',
        `run ${runId} is ${before.state}; only one that is ${retriedFrom.join(', ')} can be retried`,
      );
    const { duplicatesAllowed } = await reviveFailedDeliveries(tx, runId);
    await awaitAgain(tx, runId);
    await insertRunChanged(tx, { runId, state: 'queued' });
    await appendAuditEvent(tx, actor, {
      type: 'run.retried',
      subject: { kind: 'run', id: runId },
      data: {
        ...{ transfer: before.transferName, version: before.version, from: before.state },
        ...(duplicatesAllowed > 0 && { duplicatesAllowed }),
      },
    });
    return (await findRun(tx, runId)) ?? before;
  });
}
