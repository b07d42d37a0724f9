import type { EndpointCheck } from '@waybill/db';
import type { Id } from '@waybill/domain';
import type { Signals } from '@waybill/queue';

// Wake-ups alone: a lost one costs the time until the next look.

/** Wakes the workers of the check's pool. */
export async function announceCheck(signals: Signals, { id, pool }: EndpointCheck): Promise<void> {
  await signals.publish(requestedTopic(pool), { checkId: id });
}

/** Tells who waits for the check that it is over. */
export async function announceCheckOver(signals: Signals, { id }: EndpointCheck): Promise<void> {
  await signals.publish(overTopic(id), {});
}

/** Calls `listener` when a check is asked for in the pool. Returns the way to unsubscribe. */
export async function onCheckRequested(
  signals: Signals,
  pool: string,
  listener: () => void,
): Promise<() => Promise<void>> {
  return await signals.subscribe(requestedTopic(pool), listener);
}

/** Calls `listener` when the check is over. Returns the way to unsubscribe. */
export async function onCheckOver(
  signals: Signals,
  checkId: Id,
  listener: () => void,
): Promise<() => Promise<void>> {
  return await signals.subscribe(overTopic(checkId), listener);
}

function requestedTopic(pool: string): string {
  return `endpoint-checks.requested.${pool}`;
}

function overTopic(checkId: Id): string {
  return `endpoint-checks.over.${checkId}`;
}
