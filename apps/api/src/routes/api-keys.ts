import { listApiKeys } from '@waybill/db';
import { createApiKey, revokeApiKey } from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find } from '../find.js';
import type { Handlers } from '../handler.js';
import { presentApiKey } from '../presenters.js';

type Names = 'createApiKey' | 'listApiKeys' | 'getApiKey' | 'revokeApiKey';

export function apiKeyRoutes({ database }: ApiDeps): Pick<Handlers, Names> {
  return {
    async createApiKey({ body: { name, scopes, expiresAt }, context }) {
      const { record, key } = await createApiKey(context, {
        name,
        scopes,
        expiresAt: expiresAt ?? undefined,
      });
      return { status: 201, body: { ...presentApiKey(record), key } };
    },
    async listApiKeys({ query }) {
      const body = await pageOf('name', query, (page) => listApiKeys(database, page), presentApiKey);
      return { status: 200, body };
    },
    async getApiKey({ params }) {
      return { status: 200, body: presentApiKey(await find.apiKey(database, params.id)) };
    },
    async revokeApiKey({ params, context }) {
      return { status: 200, body: presentApiKey(await revokeApiKey(context, params.id)) };
    },
  };
}
