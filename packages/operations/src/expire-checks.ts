import {
  appendAuditEvent,
  claimExpiredEndpointChecks,
  type Deadlines,
  type EndpointCheck,
  type Expiry,
  endEndpointCheck,
  findEndpointCheck,
  listWay,
  transaction,
} from '@waybill/db';
import type { Failure, Id } from '@waybill/domain';
import type { Context } from './context.js';
import { endEventOf } from './finish-check.js';
import { callAfterCheck } from './wait-in-line.js';

/** How long a worker may carry out a check, in milliseconds; it ends one itself after this. */
export const checkLimitMs = 180_000;

/** Workers give a sign of life every ten seconds. */
const deadlines: Deadlines = {
  silentMs: 45_000,
  unattendedMs: 20_000,
  queuedMs: 600_000,
  runningMs: checkLimitMs + 60_000,
};

/** Ends checks that no worker takes, or whose worker was lost, with a failure that says what to do. Returns their ids. */
export async function expireChecks(
  { database, actor }: Context,
  { limit }: { readonly limit: number },
): Promise<Id[]> {
  return await transaction(database, async (tx) => {
    const expired: Id[] = [];
    for (const { id, expiry } of await claimExpiredEndpointChecks(tx, deadlines, limit)) {
      const check = await findEndpointCheck(tx, id);
      if (!check) throw new Error(`check ${id} vanished while it was locked`);
      const end = { state: 'failed', failure: failureOf(check, expiry) } as const;
      if (!(await endEndpointCheck(tx, check, end)))
        throw new Error(`check ${id} changed while it was locked to be given up`);
      await callAfterCheck(tx, await listWay(tx, check.endpointId));
      await appendAuditEvent(tx, actor, endEventOf(check, end));
      expired.push(id);
    }
    return expired;
  });
}

function failureOf({ pool, worker, endpointName }: EndpointCheck, expiry: Expiry): Failure {
  const again = `then ask for the check of ${endpointName} again`;
  switch (expiry) {
    case 'no-worker':
      return {
        code: 'misconfigured',
        message:
          `no worker of pool "${pool}" is running: start one with WAYBILL_POOLS=${pool}, or give the endpoint a pool ` +
          `that has one ("waybill worker list" shows them), ${again}`,
      };
    case 'never-taken':
      return {
        code: 'timed-out',
        message:
          `no worker of pool "${pool}" took the check within ${deadlines.queuedMs / 60_000} minutes: all were busy with ` +
          `other checks, or cannot reach the database; look at their logs, ${again}`,
      };
    case 'worker-lost':
      return {
        code: 'attempt-lost',
        message: `worker ${worker?.name} stopped reporting while it carried out the check; see that it runs, ${again}`,
      };
    case 'too-long':
      return {
        code: 'attempt-lost',
        message:
          `worker ${worker?.name} has not ended the check within ${deadlines.runningMs / 60_000} minutes, although it ` +
          `lives; look at its log, ${again}`,
      };
  }
}
