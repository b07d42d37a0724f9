import {
  appendAuditEvent,
  type Endpoint,
  findEndpoint,
  findRun,
  findUnknownOutcome,
  type HostKeyRecord,
  insertRunChanged,
  listHostKeys,
  lockEndpoint,
  lockHeldRunsOfEndpoint,
  restartRun,
  reviveFailedDeliveries,
  type Transaction,
} from '@waybill/db';
import type { Actor, Failure, FailureCode, Id } from '@waybill/domain';

const heldForHostKey: readonly FailureCode[] = ['host-key-mismatch', 'host-key-unknown'];

/** Locks the runs that wait for a host key of the endpoint to be trusted. To be called before any audit event is added. */
export async function lockRunsHeldForHostKey(tx: Transaction, endpointId: Id): Promise<Id[]> {
  return await lockHeldRunsOfEndpoint(tx, endpointId, heldForHostKey);
}

/**
 * Why a run need not wait for a host key that was refused a moment ago: a person has trusted it since. Either this sees
 * the key, or whoever trusts it sees the held run: both lock the endpoint until their transaction ends. To be called
 * once the run's end is written, and before any audit event is added.
 */
export async function whyTrustedByNow(
  tx: Transaction,
  { endpointId, fingerprint }: NonNullable<Failure['refusedHostKey']>,
): Promise<string | undefined> {
  await lockEndpoint(tx, endpointId);
  const endpoint = await findEndpoint(tx, endpointId);
  const keys = await listHostKeys(tx, endpointId);
  const trusted = keys.find((key) => key.fingerprint === fingerprint && isTrusted(key));
  return endpoint && trusted && trustedReason(endpoint, trusted);
}

/** By which a server may prove itself. */
export function isTrusted({ state }: HostKeyRecord): boolean {
  return state === 'active' || state === 'retiring';
}

export function trustedReason(endpoint: Endpoint, { fingerprint }: HostKeyRecord): string {
  return `host key ${fingerprint} of endpoint ${endpoint.name} is trusted now`;
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
