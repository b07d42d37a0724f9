import type { Database } from '@waybill/db';
import { listEndpoints } from '@waybill/db';
import type { CredentialSecret } from '@waybill/domain';
import {
  createEndpoint,
  resumeEndpoint,
  setCredential,
  setProxyPassword,
  updateEndpoint,
} from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find, idForField, idForFilter } from '../find.js';
import { given } from '../given.js';
import type { Handlers } from '../handler.js';
import { presentCredential, presentEndpoint } from '../presenters.js';

type Names =
  | 'createEndpoint'
  | 'listEndpoints'
  | 'getEndpoint'
  | 'updateEndpoint'
  | 'resumeEndpoint'
  | 'setCredential'
  | 'setProxyCredential';

export function endpointRoutes({ database, vault }: ApiDeps): Pick<Handlers, Names> {
  return {
    async createEndpoint({ body: { partnerId, ...values }, context }) {
      const partner = await partnerOf(database, partnerId);
      return { status: 201, body: presentEndpoint(await createEndpoint(context, { ...values, partner })) };
    },
    async listEndpoints({ query }) {
      const filter = { partnerId: await idForFilter(database, 'partner', query.partner) };
      const list = (page: Parameters<typeof listEndpoints>[1]) => listEndpoints(database, page, filter);
      return { status: 200, body: await pageOf('name', query, list, presentEndpoint) };
    },
    async getEndpoint({ params }) {
      return { status: 200, body: presentEndpoint(await find.endpoint(database, params.id)) };
    },
    async updateEndpoint({ params, body: { partnerId, ...values }, context }) {
      const partner = partnerId === undefined ? undefined : await partnerOf(database, partnerId);
      const endpoint = await updateEndpoint(context, params.id, given({ ...values, partner }));
      return { status: 200, body: presentEndpoint(endpoint) };
    },
    async resumeEndpoint({ params, context }) {
      return { status: 200, body: presentEndpoint(await resumeEndpoint(context, params.id)) };
    },
    async setCredential({ params, body, context }) {
      const endpoint = await setCredential(context, params.id, body as CredentialSecret, vault);
      return { status: 200, body: presentCredential(isSet(endpoint.credential)) };
    },
    async setProxyCredential({ params, body, context }) {
      const endpoint = await setProxyPassword(context, params.id, body.password, vault);
      return { status: 200, body: presentCredential(isSet(endpoint.proxyCredential)) };
    },
  };
}

async function partnerOf(database: Database, reference: string | null): Promise<string | null> {
  return reference === null ? null : await idForField(database, 'partner', reference, '/partnerId');
}

function isSet<T>(credential: T | undefined): T {
  if (credential === undefined) throw new Error('an endpoint has no credential right after it was set');
  return credential;
}
