import {
  appendAuditEvent,
  endQueuedRun,
  findRun,
  insertRunChanged,
  listPlaceIds,
  lockRun,
  type Run,
  requestCancel,
  transaction,
} from '@waybill/db';
import type { Id } from '@waybill/domain';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';
import { tellAcknowledged } from './tell-acknowledged.js';
import { callNext } from './wait-in-line.js';

/**
 * Cancels a run that waits or is held at once; asks the worker of a running one to stop. Twice is as good as once.
 * @throws OperationError `not-found`, or `state` if the run has ended otherwise
 */
export async function cancelRun({ database, actor }: Context, runId: Id): Promise<Run> {
  return await transaction(database, async (tx) => {
    const run = await lockRun(tx, runId);
    if (!run) throw notFound('run', runId);
    if (run.state === 'cancelled' || run.cancelRequestedAt) return run;
    if (run.state === 'running') await requestCancel(tx, runId);
    else if (run.state === 'queued' || run.state === 'held') await endQueuedRun(tx, runId, 'cancelled');
    else throw new OperationError('state', `run ${runId} has ended: it is ${run.state}`);

    // Runs of its transfer stand in line behind one that waits for acknowledgements, too.
    if (run.state === 'queued') await callNext(tx, run, await listPlaceIds(tx, runId));
    if (run.state !== 'running') await tellAcknowledged(tx, actor, run);
    const subject = { kind: 'run', id: runId } as const;
    const data = { transfer: run.transferName, version: run.version };
    await insertRunChanged(tx, { runId, state: run.state === 'running' ? 'running' : 'cancelled' });
    await appendAuditEvent(
      tx,
      actor,
      run.state === 'running'
        ? { type: 'run.cancel-requested', subject, data }
        : { type: 'run.cancelled', subject, data: { ...data, reason: 'on request, while no worker had it' } },
    );
    return (await findRun(tx, runId)) ?? run;
  });
}
