import { createHash } from 'node:crypto';
import { listAttempts, listDeliveries, listRuns } from '@waybill/db';
import { isFinal } from '@waybill/domain';
import { cancelRun, composeReceipt, retryRun, triggerRun } from '@waybill/operations';
import type { AfterCommit } from '../after-commit.js';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find, idForFilter } from '../find.js';
import type { Handlers } from '../handler.js';
import { presentAttempt, presentDelivery, presentReceipt, presentRun } from '../presenters.js';
import { Refusal } from '../refusal.js';

type Names =
  | 'triggerRun'
  | 'listRuns'
  | 'getRun'
  | 'listDeliveries'
  | 'listAttempts'
  | 'getReceipt'
  | 'cancelRun'
  | 'retryRun';

export function runRoutes({ database, signer }: ApiDeps, afterCommit: AfterCommit): Pick<Handlers, Names> {
  return {
    async triggerRun({ params, headers, context }) {
      const transfer = await find.transfer(database, params.id);
      const idempotencyKey = headers['Idempotency-Key'];
      const requestHash = hashOf(['triggerRun', transfer.id, context.actor.id]);
      const request = { transferId: transfer.id, ...(idempotencyKey && { idempotencyKey, requestHash }) };
      const { run, created } = await triggerRun(context, request);
      afterCommit();
      return { status: created ? 201 : 200, body: presentRun(run) };
    },
    async listRuns({ query: { transfer, state, since, until, ...paging } }) {
      const transferId = await idForFilter(database, 'transfer', transfer);
      const list = (page: Parameters<typeof listRuns>[1]) =>
        listRuns(database, page, { transferId, state, since, until });
      return { status: 200, body: await pageOf('id', paging, list, presentRun) };
    },
    async getRun({ params }) {
      return { status: 200, body: presentRun(await find.run(database, params.id)) };
    },
    async listDeliveries({ params, query: { state, ...paging } }) {
      const { id } = await find.run(database, params.id);
      const list = (page: Parameters<typeof listRuns>[1]) =>
        listDeliveries(database, page, { runId: id, state });
      return { status: 200, body: await pageOf('id', paging, list, presentDelivery) };
    },
    async listAttempts({ params }) {
      const { id } = await find.run(database, params.id);
      return { status: 200, body: { items: (await listAttempts(database, id)).map(presentAttempt) } };
    },
    async getReceipt({ params }) {
      const { id, state } = await find.run(database, params.id);
      if (!isFinal(state))
        throw new Refusal('state-conflict', `Run ${id} is ${state}: there is a receipt once it has ended.`);
      return { status: 200, body: presentReceipt(await composeReceipt(database, id), signer) };
    },
    async cancelRun({ params, context }) {
      const { id } = await find.run(database, params.id);
      const run = await cancelRun(context, id);
      afterCommit();
      return { status: 200, body: presentRun(run) };
    },
    async retryRun({ params, context }) {
      const { id } = await find.run(database, params.id);
      const run = await retryRun(context, id);
      afterCommit();
      return { status: 200, body: presentRun(run) };
    },
  };
}

/** Who asked is part of the request: a key that another caller happened to choose too must not hide that caller's run. */
function hashOf(request: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('hex');
}
