import { listOpenPgpKeys } from '@waybill/db';
import { importOpenPgpKey, removeOpenPgpKey } from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find } from '../find.js';
import type { Handlers } from '../handler.js';
import { presentOpenPgpKey } from '../presenters.js';

type Names = 'importOpenPgpKey' | 'listOpenPgpKeys' | 'getOpenPgpKey' | 'removeOpenPgpKey';

export function openPgpKeyRoutes({ database, vault }: ApiDeps): Pick<Handlers, Names> {
  return {
    async importOpenPgpKey({ body, context }) {
      return { status: 201, body: presentOpenPgpKey(await importOpenPgpKey(context, body, vault)) };
    },
    async listOpenPgpKeys({ query }) {
      const body = await pageOf('name', query, (page) => listOpenPgpKeys(database, page), presentOpenPgpKey);
      return { status: 200, body };
    },
    async getOpenPgpKey({ params }) {
      return { status: 200, body: presentOpenPgpKey(await find.openPgpKey(database, params.id)) };
    },
    async removeOpenPgpKey({ params, context }) {
      return { status: 200, body: presentOpenPgpKey(await removeOpenPgpKey(context, params.id)) };
    },
  };
}
