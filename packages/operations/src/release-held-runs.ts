import {
  appendAuditEvent,
  findRun,
  findUnknownOutcome,
  insertRunChanged,
  lockHeldRunsOfEndpoint,
  restartRun,
  reviveFailedDeliveries,
  type Transaction,
} from '@waybill/db';
import type { Actor, FailureCode, Id } from '@waybill/domain';

const heldForHostKey: readonly FailureCode[] = ['host-key-mismatch', 'host-key-unknown'];

/** Locks the runs that wait for a host key of the endpoint to be trusted. To be called before any audit event is added. */
export async function lockRunsHeldForHostKey(tx: Transaction, endpointId: Id): Promise<Id[]> {
  return await lockHeldRunsOfEndpoint(tx, endpointId, heldForHostKey);
}

/**
 * Puts locked, held runs back into the queue, with all their attempts before them. One of which it cannot be told
 * whether a file arrived stays held: going on is a person's decision then.
 */
export async function releaseHeldRuns(
  tx: Transaction,
  actor: Actor,
  runIds: readonly Id[],
  reason: string,
): Promise<void> {
  for (const runId of runIds) {
    const run = await findRun(tx, runId);
    if (!run || (await findUnknownOutcome(tx, runId))) continue;
    await restartRun(tx, runId, ['held']);
    await reviveFailedDeliveries(tx, runId);
    await insertRunChanged(tx, { runId, state: 'queued' });
    const { transferName: transfer, version, epoch } = run;
    await appendAuditEvent(tx, actor, {
      type: 'run.requeued',
      subject: { kind: 'run', id: runId },
      data: { transfer, version, epoch, cause: 'host-key-trusted', reason },
    });
  }
}
