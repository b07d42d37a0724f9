import {
  appendAuditEvent,
  type Endpoint,
  type EndpointCheck,
  findEndpoint,
  isEndpointCheckQueued,
  startEndpointCheck,
  transaction,
} from '@waybill/db';
import type { Id } from '@waybill/domain';
import { checkEventOf } from './check-event.js';
import type { Context } from './context.js';

/** A check that is this worker's, and the endpoint as it was then. */
export interface CheckClaim {
  readonly check: EndpointCheck;
  readonly endpoint: Endpoint;
}

/** Takes the oldest check that waits for one of the pools. Of any number of workers that look, one gets it. */
export async function claimCheck(
  { database, actor }: Context,
  worker: { readonly workerId: Id; readonly pools: readonly string[] },
): Promise<CheckClaim | undefined> {
  // Workers look often, and mostly there is nothing: that should cost one statement, not a transaction.
  if (!(await isEndpointCheckQueued(database, worker.pools))) return undefined;
  return await transaction(database, async (tx) => {
    const check = await startEndpointCheck(tx, worker);
    if (!check) return undefined;
    const endpoint = await findEndpoint(tx, check.endpointId);
    if (!endpoint) throw new Error(`check ${check.id} is of an endpoint that is not there`);
    await appendAuditEvent(tx, actor, checkEventOf('endpoint-check.started', check));
    return { check, endpoint };
  });
}
