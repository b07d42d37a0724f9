import {
  appendAuditEvent,
  type Db,
  type Endpoint,
  findCredential,
  findEndpoint,
  replaceCredential,
  transaction,
} from '@waybill/db';
import { acceptsCredential, type CredentialSecret, type Id, newId } from '@waybill/domain';
import type { Vault } from '@waybill/secrets';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';

/**
 * Seals the secret and puts it in place of the endpoint's earlier one. It is never shown again.
 * @throws OperationError `not-found`, or `invalid` if the endpoint has no account
 */
export async function setCredential(
  { database, actor }: Context,
  endpointIdOrName: string,
  secret: CredentialSecret,
  vault: Vault,
): Promise<Endpoint> {
  return await transaction(database, async (tx) => {
    const endpoint = await findEndpoint(tx, endpointIdOrName);
    if (!endpoint) throw notFound('endpoint', endpointIdOrName);
    if (!acceptsCredential(endpoint.kind, secret.kind))
      throw new OperationError(
        'invalid',
        `endpoint ${endpoint.name} is of kind ${endpoint.kind}, which has no credential of kind ${secret.kind}`,
        { field: '/kind' },
      );
    const id = newId();
    await replaceCredential(tx, {
      id,
      endpointId: endpoint.id,
      kind: secret.kind,
      envelope: vault.seal(Buffer.from(JSON.stringify(secret)), sealContext(id)),
      keyId: vault.keyId,
    });
    await appendAuditEvent(tx, actor, {
      type: 'credential.set',
      subject: { kind: 'endpoint', id: endpoint.id },
      data: { endpoint: endpoint.name, kind: secret.kind },
    });
    return (await findEndpoint(tx, endpoint.id)) ?? endpoint;
  });
}

/** For the worker that is about to sign in. `undefined` if the endpoint has none. */
export async function openCredential(
  db: Db,
  endpointId: Id,
  vault: Vault,
): Promise<CredentialSecret | undefined> {
  const sealed = await findCredential(db, endpointId);
  if (!sealed) return undefined;
  const plaintext = vault.open(sealed.envelope, sealContext(sealed.id));
  return JSON.parse(Buffer.from(plaintext).toString('utf8')) as CredentialSecret;
}

/** Binds an envelope to its row, so that it is worth nothing in another one. */
function sealContext(credentialId: Id): string {
  return `credential:${credentialId}`;
}
