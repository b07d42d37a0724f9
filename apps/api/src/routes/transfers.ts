import type { DefinitionAsked } from '@waybill/contract';
import { type Database, listTransfers, listTransferVersions } from '@waybill/db';
import type { TransferDefinition } from '@waybill/domain';
import { createTransfer, forgetFiles, updateTransfer } from '@waybill/operations';
import { pageOf } from '../cursor.js';
import type { ApiDeps } from '../deps.js';
import { find, idForField } from '../find.js';
import { given } from '../given.js';
import type { Handlers } from '../handler.js';
import { presentTransfer, presentTransferVersion } from '../presenters.js';

type Names =
  | 'createTransfer'
  | 'listTransfers'
  | 'getTransfer'
  | 'updateTransfer'
  | 'forgetFiles'
  | 'listTransferVersions';

export function transferRoutes({ database }: ApiDeps): Pick<Handlers, Names> {
  return {
    async createTransfer({ body, context }) {
      const definition = await resolveEndpoints(database, body.definition);
      return { status: 201, body: presentTransfer(await createTransfer(context, { ...body, definition })) };
    },
    async listTransfers({ query }) {
      const body = await pageOf('name', query, (page) => listTransfers(database, page), presentTransfer);
      return { status: 200, body };
    },
    async getTransfer({ params }) {
      return { status: 200, body: presentTransfer(await find.transfer(database, params.id)) };
    },
    async updateTransfer({ params, body, context }) {
      const { id } = await find.transfer(database, params.id);
      const definition = body.definition && (await resolveEndpoints(database, body.definition));
      return {
        status: 200,
        body: presentTransfer(await updateTransfer(context, id, given({ ...body, definition }))),
      };
    },
    async forgetFiles({ params, body, context }) {
      return { status: 200, body: { files: await forgetFiles(context, params.id, body.path) } };
    },
    async listTransferVersions({ params, query }) {
      const { id } = await find.transfer(database, params.id);
      const list = (page: Parameters<typeof listTransfers>[1]) => listTransferVersions(database, id, page);
      return { status: 200, body: await pageOf('number', query, list, presentTransferVersion) };
    },
  };
}

/** Definitions are stored with ids, so that renaming an endpoint changes nothing. */
async function resolveEndpoints(database: Database, asked: DefinitionAsked): Promise<TransferDefinition> {
  const { source, target } = asked;
  const at = (side: 'source' | 'target') =>
    idForField(database, 'endpoint', asked[side].endpointId, `/definition/${side}/endpointId`);
  return {
    ...asked,
    source: { ...source, endpointId: await at('source') },
    target: { ...target, endpointId: await at('target') },
  };
}
