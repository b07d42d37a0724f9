import { type EndpointCheck, listEndpointChecks } from '@waybill/db';
import { isCheckOver } from '@waybill/domain';
import {
  announceCheck,
  type RequestedCheck,
  requestCheck,
  requestDryRun,
  requestExplanation,
} from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find } from '../find.js';
import type { Handlers } from '../handler.js';
import { presentEndpointCheck } from '../presenters.js';
import { untilCheckIsOver } from '../wait-for-check.js';

type Names =
  | 'requestEndpointCheck'
  | 'requestExplanation'
  | 'requestDryRun'
  | 'listEndpointChecks'
  | 'getEndpointCheck';

export function endpointCheckRoutes(deps: ApiDeps): Pick<Handlers, Names> {
  const { database, signals } = deps;
  const answer = ({ check, created }: RequestedCheck) => {
    // Not awaited: a signal never rejects, and a lost one costs no more than the time until the workers' next look.
    if (created && signals) void announceCheck(signals, check);
    return presentEndpointCheck(check);
  };
  return {
    async requestEndpointCheck({ params, body, context }) {
      return { status: 202, body: answer(await requestCheck(context, params.id, body.kind)) };
    },
    async requestExplanation({ params, body: { path, transferId }, context }) {
      const asked = { endpoint: params.id, path, transfer: transferId };
      return { status: 202, body: answer(await requestExplanation(context, asked)) };
    },
    async requestDryRun({ params, context }) {
      return { status: 202, body: answer(await requestDryRun(context, params.id)) };
    },
    async listEndpointChecks({ params, query }) {
      const { id: endpointId } = await find.endpoint(database, params.id);
      const list = (page: Parameters<typeof listEndpointChecks>[1]) =>
        listEndpointChecks(database, page, { endpointId });
      return { status: 200, body: await pageOf('id', query, list, presentEndpointCheck) };
    },
    async getEndpointCheck({ params, query: { wait } }, { res }) {
      const read = (): Promise<EndpointCheck> => find.endpointCheck(database, params.id);
      const check = await read();
      if (wait === 0 || isCheckOver(check.state)) return { status: 200, body: presentEndpointCheck(check) };
      const gone = new AbortController();
      res.once('close', () => gone.abort());
      await untilCheckIsOver(deps, check.id, { waitMs: wait * 1_000, gone: gone.signal });
      return { status: 200, body: presentEndpointCheck(await read()) };
    },
  };
}
