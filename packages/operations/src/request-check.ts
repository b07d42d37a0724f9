import {
  appendAuditEvent,
  type Db,
  type Endpoint,
  type EndpointCheck,
  findEndpoint,
  findEndpointCheck,
  findOpenEndpointCheck,
  insertEndpointCheck,
  type NewEndpointCheck,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type CheckSubject, newId, type PlainCheckKind } from '@waybill/domain';
import { checkEventOf } from './check-event.js';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';

export interface RequestedCheck {
  readonly check: EndpointCheck;
  /** False: it was open already. */
  readonly created: boolean;
}

/**
 * Asks the workers of the endpoint's pool for a check. While one of the same kind is open, asking again finds it.
 * @throws OperationError `not-found`, `invalid` (field `/kind`) for a host key scan of what is not SFTP, or any check of
 *   a bucket
 */
export async function requestCheck(
  { database, actor }: Context,
  endpointIdOrName: string,
  kind: PlainCheckKind,
): Promise<RequestedCheck> {
  return await transaction(database, async (tx) => {
    const endpoint = await findEndpoint(tx, endpointIdOrName);
    if (!endpoint) throw notFound('endpoint', endpointIdOrName);
    refuseUnfit(endpoint, kind);
    return await askFor(tx, actor, endpoint, { kind });
  });
}

/** Writes down what the workers of the endpoint's pool are to look at, or finds it where the same look is open. */
export async function askFor(
  tx: Transaction,
  actor: Context['actor'],
  endpoint: Endpoint,
  subject: CheckSubject,
): Promise<RequestedCheck> {
  const id = newId();
  const opened = await openCheck(tx, endpoint, {
    ...{ id, endpointId: endpoint.id, subject, pool: endpoint.pool, requestedBy: actor.name },
  });
  if (opened.id !== id) return { check: opened, created: false };
  await appendAuditEvent(tx, actor, checkEventOf('endpoint-check.requested', opened));
  return { check: opened, created: true };
}

function refuseUnfit({ name, kind: endpointKind }: Endpoint, kind: PlainCheckKind): void {
  if (endpointKind === 's3')
    throw new OperationError(
      'invalid',
      `endpoint ${name} is a bucket, which Waybill cannot probe; run a transfer of a small file instead`,
      { field: '/kind' },
    );
  if (kind !== 'host-key-scan' || endpointKind === 'sftp') return;
  throw new OperationError(
    'invalid',
    `endpoint ${name} is of kind ${endpointKind}, which has no host key; ask for a probe`,
    { field: '/kind' },
  );
}

/** An open check may end just between our two looks: then there is room for ours. */
const tries = 5;

async function openCheck(tx: Db, { name }: Endpoint, asked: NewEndpointCheck): Promise<EndpointCheck> {
  for (let i = 0; i < tries; i++) {
    const inserted = await insertEndpointCheck(tx, asked);
    const check = inserted ? await findEndpointCheck(tx, asked.id) : await findOpenEndpointCheck(tx, asked);
    if (check) return check;
  }
  throw new Error(
    `no ${asked.subject.kind} of endpoint ${name} could be opened: others kept ending; ask again`,
  );
}
