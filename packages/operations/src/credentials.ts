import {
  appendAuditEvent,
  type Db,
  type Endpoint,
  findCredential,
  findEndpoint,
  findEndpointLocked,
  replaceCredential,
  type Transaction,
  transaction,
} from '@waybill/db';
import {
  type Actor,
  acceptsCredential,
  type CredentialPurpose,
  type CredentialSecret,
  type Id,
  newId,
} from '@waybill/domain';
import type { Vault } from '@waybill/secrets';
import type { Context } from './context.js';
import { tryAnew } from './endpoint-breaker.js';
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
    const endpoint = await findEndpointLocked(tx, endpointIdOrName);
    if (!endpoint) throw notFound('endpoint', endpointIdOrName);
    if (!acceptsCredential(endpoint.kind, secret.kind))
      throw new OperationError(
        'invalid',
        `endpoint ${endpoint.name} is of kind ${endpoint.kind}, which has no credential of kind ${secret.kind}`,
        { field: '/kind' },
      );
    return await store(tx, actor, endpoint, { purpose: 'account', secret, vault });
  });
}

/**
 * Seals the password of the proxy that the endpoint's route names, and puts it in place of the earlier one. It is never
 * shown again, and goes when the route changes to another proxy or user.
 * @throws OperationError `not-found`, or `invalid` if the route has no proxy with a user name
 */
export async function setProxyPassword(
  { database, actor }: Context,
  endpointIdOrName: string,
  password: string,
  vault: Vault,
): Promise<Endpoint> {
  return await transaction(database, async (tx) => {
    const endpoint = await findEndpointLocked(tx, endpointIdOrName);
    if (!endpoint) throw notFound('endpoint', endpointIdOrName);
    const route = endpoint.settings.kind === 'sftp' ? endpoint.settings.route : undefined;
    if (!route || route.kind === 'jump' || route.username === undefined)
      throw new OperationError(
        'invalid',
        `endpoint ${endpoint.name} has no route by way of a proxy with a user name, which a password could be for`,
      );
    return await store(tx, actor, endpoint, {
      purpose: 'proxy',
      secret: { kind: 'password', password },
      vault,
    });
  });
}

async function store(
  tx: Transaction,
  actor: Actor,
  endpoint: Endpoint,
  { purpose, secret, vault }: { purpose: CredentialPurpose; secret: CredentialSecret; vault: Vault },
): Promise<Endpoint> {
  const id = newId();
  await replaceCredential(tx, {
    id,
    endpointId: endpoint.id,
    purpose,
    kind: secret.kind,
    envelope: vault.seal(Buffer.from(JSON.stringify(secret)), sealContext(id)),
    keyId: vault.keyId,
  });
  const recordResumed = await tryAnew(tx, actor, endpoint, 'its credential was set');
  await appendAuditEvent(tx, actor, {
    type: 'credential.set',
    subject: { kind: 'endpoint', id: endpoint.id },
    data: { endpoint: endpoint.name, kind: secret.kind, ...(purpose === 'proxy' && { purpose }) },
  });
  await recordResumed();
  return (await findEndpoint(tx, endpoint.id)) ?? endpoint;
}

/** For the worker that is about to sign in. `undefined` if the endpoint has none. */
export async function openCredential(
  db: Db,
  endpointId: Id,
  vault: Vault,
  purpose: CredentialPurpose = 'account',
): Promise<CredentialSecret | undefined> {
  const sealed = await findCredential(db, endpointId, purpose);
  if (!sealed) return undefined;
  const plaintext = vault.open(sealed.envelope, sealContext(sealed.id));
  return JSON.parse(Buffer.from(plaintext).toString('utf8')) as CredentialSecret;
}

/** Binds an envelope to its row, so that it is worth nothing in another one. */
function sealContext(credentialId: Id): string {
  return `credential:${credentialId}`;
}
