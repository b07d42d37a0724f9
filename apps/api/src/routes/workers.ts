import { listWorkers } from '@waybill/db';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import type { Handlers } from '../handler.js';
import { presentWorker } from '../presenters.js';

export function workerRoutes({ database }: ApiDeps): Pick<Handlers, 'listWorkers'> {
  return {
    async listWorkers({ query }) {
      const filter = { active: query.active === 'true' };
      const body = await pageOf('id', query, (page) => listWorkers(database, page, filter), presentWorker);
      return { status: 200, body };
    },
  };
}
