import { redactText } from '@waybill/audit';
import {
  appendAuditEvent,
  beganBeforeChangeOf,
  deleteBreaker,
  type Endpoint,
  explainWait,
  type Fence,
  findBreaker,
  findEndpoint,
  findEndpointLocked,
  hasBreakerOnWay,
  lockWay,
  saveBreaker,
  type Transaction,
  transaction,
} from '@waybill/db';
import {
  type Actor,
  afterUnreached,
  type Breaker,
  type Failure,
  type Id,
  suspendedMessage,
} from '@waybill/domain';
import type { Context } from './context.js';
import { notFound } from './operation-error.js';
import { callLine } from './wait-in-line.js';

/** An event that is still to be written: events come last in a transaction. */
type LateEvent = () => Promise<void>;
const none: LateEvent = async () => {};

/**
 * Remembers that an attempt could not open the endpoint, which may suspend it. One that began before the endpoint was last
 * changed tells nothing of what it is now. The caller has locked the endpoint, and calls what is returned before its
 * transaction ends.
 */
export async function noteUnreached(
  tx: Transaction,
  actor: Actor,
  fence: Fence,
  { endpointId, failure }: { readonly endpointId: Id; readonly failure: Failure },
): Promise<LateEvent> {
  if (await beganBeforeChangeOf(tx, endpointId, fence)) return none;
  const before = await findBreaker(tx, endpointId);
  const after = afterUnreached(before, { ...failure, message: redactText(failure.message) }, new Date());
  const endpoint = await findEndpoint(tx, endpointId);
  if (!endpoint || after === before || after.failures === 0) return none;
  await remember(tx, endpoint, after);
  if (after.state !== 'open' || isOpenForGood(before)) return none;
  return async () => {
    await appendAuditEvent(tx, actor, {
      type: 'endpoint.suspended',
      subject: { kind: 'endpoint', id: endpointId },
      data: {
        endpoint: endpoint.name,
        failures: after.failures,
        failureCode: failure.code,
        failureMessage: after.failure?.message ?? '',
        ...(after.until && { until: after.until.toISOString() }),
      },
    });
  };
}

function isOpenForGood(breaker: Breaker | undefined): boolean {
  return breaker?.state === 'open' && breaker.until === undefined;
}

/**
 * A run has opened the endpoint: what was remembered of it, and of the jump hosts on the way, is forgotten, and those who
 * wait are called.
 */
export async function noteReached({ database, actor }: Context, endpointId: Id): Promise<void> {
  // Mostly there is nothing, and that should cost one statement.
  if (!(await hasBreakerOnWay(database, endpointId))) return;
  await transaction(database, async (tx) => {
    const recordResumed = await forgive(tx, actor, await lockWay(tx, endpointId), 'it was reached');
    await recordResumed();
  });
}

/**
 * Lets runs go to an endpoint again. Does nothing where they may.
 * @throws OperationError `not-found`
 */
export async function resumeEndpoint({ database, actor }: Context, idOrName: string): Promise<Endpoint> {
  return await transaction(database, async (tx) => {
    const endpoint = await findEndpointLocked(tx, idOrName);
    if (!endpoint) throw notFound('endpoint', idOrName);
    const recordResumed = await forgive(tx, actor, [endpoint.id], 'on request');
    await recordResumed();
    return { ...endpoint, breaker: undefined };
  });
}

/**
 * Its credential or settings are new: one run at a time tries them. The caller has locked the endpoint, and calls what is
 * returned before its transaction ends.
 */
export async function tryAnew(
  tx: Transaction,
  actor: Actor,
  endpoint: Endpoint,
  why: string,
): Promise<LateEvent> {
  if (endpoint.kind === 'local') return none;
  await remember(tx, endpoint, { state: 'untried', failures: 0, openings: 0 });
  await callLine(tx, endpoint.id);
  return endpoint.breaker?.state === 'open' ? () => recordResumed(tx, actor, endpoint, why) : none;
}

/** Forgets what was remembered of these endpoints, which the caller has locked. */
export async function forgive(
  tx: Transaction,
  actor: Actor,
  endpointIds: readonly Id[],
  why: string,
): Promise<LateEvent> {
  const resumed: Endpoint[] = [];
  for (const id of endpointIds) {
    const endpoint = await findEndpoint(tx, id);
    if (!endpoint?.breaker) continue;
    await deleteBreaker(tx, id);
    await callLine(tx, id);
    if (endpoint.breaker.state === 'open') resumed.push(endpoint);
  }
  return async () => {
    for (const endpoint of resumed) await recordResumed(tx, actor, endpoint, why);
  };
}

async function remember(tx: Transaction, { id, name }: Endpoint, breaker: Breaker): Promise<void> {
  await saveBreaker(tx, id, breaker);
  const message = suspendedMessage(name, breaker, new Date());
  await explainWait(tx, id, { reason: 'suspended', message });
}

async function recordResumed(
  tx: Transaction,
  actor: Actor,
  { id, name }: Endpoint,
  reason: string,
): Promise<void> {
  await appendAuditEvent(tx, actor, {
    type: 'endpoint.resumed',
    subject: { kind: 'endpoint', id },
    data: { endpoint: name, reason },
  });
}
