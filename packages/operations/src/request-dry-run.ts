import {
  type Db,
  type Endpoint,
  findEndpoint,
  findTransfer,
  findTransfersFrom,
  type Transaction,
  type Transfer,
  transaction,
} from '@waybill/db';
import type { Id, RemotePath } from '@waybill/domain';
import { whyOutOfReach } from '@waybill/domain/selection';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';
import { askFor, type RequestedCheck } from './request-check.js';

/** Where more transfers read a directory, its files are explained for one at a time: each may have to wait. */
const MAX_TRANSFERS = 20;

/**
 * Asks the workers of the source's pool what a run would do now. While that is open, asking again finds it.
 * @throws OperationError `not-found`
 */
export async function requestDryRun(
  { database, actor }: Context,
  transferIdOrName: string,
): Promise<RequestedCheck> {
  return await transaction(database, async (tx) => {
    const transfer = await findTransfer(tx, transferIdOrName);
    if (!transfer) throw notFound('transfer', transferIdOrName);
    const endpoint = await sourceOf(tx, transfer);
    const subject = { kind: 'dry-run', transferId: transfer.id } as const;
    return await askFor(tx, actor, endpoint, subject);
  });
}

export interface ExplanationRequest {
  /** Id or name. */
  readonly endpoint: string;
  /** Of the file, from the endpoint's root. */
  readonly path: RemotePath;
  /** Id or name. Left out: each transfer that reads the directory in which the file lies. */
  readonly transfer?: string | undefined;
}

/**
 * Asks what runs would do with a file now, and why. While the same is open, asking again finds it.
 * @throws OperationError `not-found`; `invalid` (field `/path`, `/transferId`) if no transfer reads there, or too many do
 */
export async function requestExplanation(
  { database, actor }: Context,
  request: ExplanationRequest,
): Promise<RequestedCheck> {
  const { path } = request;
  return await transaction(database, async (tx) => {
    const endpoint = await findEndpoint(tx, request.endpoint);
    if (!endpoint) throw notFound('endpoint', request.endpoint);
    const transferId = await transferMeant(tx, endpoint, request);
    return await askFor(tx, actor, endpoint, { kind: 'explanation', transferId, path });
  });
}

/** Those to whose runs the file could belong, by name. */
export async function findTransfersReading(db: Db, endpointId: Id, path: RemotePath): Promise<Transfer[]> {
  const transfers = await findTransfersFrom(db, endpointId);
  return transfers.filter(({ definition }) => whyOutOfReach(path, definition) === undefined);
}

async function transferMeant(
  tx: Transaction,
  endpoint: Endpoint,
  { path, transfer: reference }: ExplanationRequest,
): Promise<Id | null> {
  if (reference !== undefined) {
    const transfer = await findTransfer(tx, reference);
    if (!transfer) throw notFound('transfer', reference, '/transferId');
    if (transfer.definition.source.endpointId === endpoint.id) return transfer.id;
    const where = `transfer ${transfer.name} does not read from endpoint ${endpoint.name}`;
    throw new OperationError('invalid', where, { field: '/transferId' });
  }
  const { length: reading } = await findTransfersReading(tx, endpoint.id, path);
  if (reading === 0)
    throw new OperationError('invalid', whyNone(endpoint, await findTransfersFrom(tx, endpoint.id)), {
      field: '/path',
    });
  if (reading <= MAX_TRANSFERS) return null;
  throw new OperationError(
    'invalid',
    `${reading} transfers read the directory of this file, more than are asked at once; name one of them`,
    { field: '/transferId' },
  );
}

function whyNone({ name }: Endpoint, transfers: readonly Transfer[]): string {
  if (transfers.length === 0) return `no transfer reads from endpoint ${name}`;
  const directories = [...new Set(transfers.map(({ definition }) => `"${definition.source.directory}"`))];
  return `no transfer reads the directory of this file; those from endpoint ${name} read ${directories.slice(0, 10).join(', ')}`;
}

async function sourceOf(tx: Transaction, { name, definition }: Transfer): Promise<Endpoint> {
  const endpoint = await findEndpoint(tx, definition.source.endpointId);
  if (!endpoint) throw new Error(`transfer ${name} reads from an endpoint that is not there`);
  return endpoint;
}
