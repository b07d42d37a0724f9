import { listPartners } from '@waybill/db';
import { createPartner, updatePartner } from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find } from '../find.js';
import { given } from '../given.js';
import type { Handlers } from '../handler.js';
import { presentPartner } from '../presenters.js';

type Names = 'createPartner' | 'listPartners' | 'getPartner' | 'updatePartner';

export function partnerRoutes({ database }: ApiDeps): Pick<Handlers, Names> {
  return {
    async createPartner({ body, context }) {
      return { status: 201, body: presentPartner(await createPartner(context, body)) };
    },
    async listPartners({ query }) {
      const body = await pageOf('name', query, (page) => listPartners(database, page), presentPartner);
      return { status: 200, body };
    },
    async getPartner({ params }) {
      return { status: 200, body: presentPartner(await find.partner(database, params.id)) };
    },
    async updatePartner({ params, body, context }) {
      return { status: 200, body: presentPartner(await updatePartner(context, params.id, given(body))) };
    },
  };
}
