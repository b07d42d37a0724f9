import {
  appendAuditEvent,
  type Db,
  type Endpoint,
  findEndpoint,
  findHostKey,
  type HostKeyRecord,
  insertHostKey,
  isUniqueViolation,
  listHostKeys,
  lockEndpoint,
  saveHostKeyState,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type Actor, type HostKeyState, type Id, newId } from '@waybill/domain';
import { type HostKey, HostKeyRefused, parseHostKey } from '@waybill/domain/host-key';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';
import { isTrusted, lockRunsHeldForHostKey, releaseHeldRuns, trustedReason } from './release-held-runs.js';

/**
 * Puts a key on record. Once it is trusted, the runs that were held for want of one are queued again.
 * @param line a public key as people paste it: `ssh-ed25519 AAAA…`, or a `known_hosts` line
 * @throws OperationError `not-found`, `invalid` (field `/key`) if it is no key or the endpoint is not SFTP, `conflict`
 *   if the endpoint has this key already
 */
export async function addHostKey(
  { database, actor }: Context,
  endpointIdOrName: string,
  line: string,
  state: HostKeyState = 'active',
): Promise<HostKeyRecord> {
  const key = readKey(line);
  return await transaction(database, async (tx) => {
    const endpoint = await findEndpoint(tx, endpointIdOrName);
    if (!endpoint) throw notFound('endpoint', endpointIdOrName);
    if (endpoint.kind !== 'sftp')
      throw new OperationError(
        'invalid',
        `endpoint ${endpoint.name} is of kind ${endpoint.kind}, which has no host key`,
      );
    await lockEndpoint(tx, endpoint.id);
    const record = await insertOnce(tx, endpoint, key, state);
    const waiting = isTrusted(record) ? await lockRunsHeldForHostKey(tx, endpoint.id) : [];
    await recordAdded(tx, actor, endpoint, record);
    await releaseHeldRuns(tx, actor, waiting, trustedReason(endpoint, record));
    return record;
  });
}

/**
 * Once the key is trusted, the runs that were held for want of one are queued again.
 * @throws OperationError `not-found`
 */
export async function changeHostKeyState(
  { database, actor }: Context,
  hostKeyId: Id,
  state: HostKeyState,
): Promise<HostKeyRecord> {
  return await transaction(database, async (tx) => {
    const before = await findHostKey(tx, hostKeyId);
    const endpoint = before && (await findEndpoint(tx, before.endpointId));
    if (!before || !endpoint) throw notFound('host key', hostKeyId);
    if (before.state === state) return before;
    await lockEndpoint(tx, endpoint.id);
    const record = await saveHostKeyState(tx, hostKeyId, state);
    const waiting = isTrusted(record) ? await lockRunsHeldForHostKey(tx, endpoint.id) : [];
    await appendAuditEvent(tx, actor, {
      type: 'host-key.state-changed',
      subject: { kind: 'endpoint', id: endpoint.id },
      data: { ...dataOf(endpoint, record), from: before.state, to: state },
    });
    await releaseHeldRuns(tx, actor, waiting, trustedReason(endpoint, record));
    return record;
  });
}

/** More proposals than these of one endpoint are not kept: nobody would look through them. */
const MOST_HOST_KEYS = 20;

/**
 * Puts keys that a trusted server announced, and proved to hold, on record as `proposed`: a person decides about them.
 * Those on record are left as they are.
 */
export async function proposeHostKeys(
  { database, actor }: Context,
  endpoint: Endpoint,
  keys: readonly HostKey[],
): Promise<void> {
  const known = await listHostKeys(database, endpoint.id);
  const unknown = keys
    .filter((key) => known.every(({ publicKey }) => publicKey !== key.publicKey))
    .slice(0, Math.max(0, MOST_HOST_KEYS - known.length));
  for (const key of unknown)
    try {
      await transaction(database, async (tx) => {
        const record = await insertOnce(tx, endpoint, key, 'proposed');
        await recordAdded(tx, actor, endpoint, record);
      });
    } catch (error) {
      // Another attempt was told the same a moment ago.
      if (!(error instanceof OperationError && error.code === 'conflict')) throw error;
    }
}

/** The keys by which a server may prove itself: `active` and `retiring` ones. */
export async function trustedHostKeys(db: Db, endpointId: Id): Promise<HostKeyRecord[]> {
  const keys = await listHostKeys(db, endpointId);
  return keys.filter(isTrusted);
}

function readKey(line: string): HostKey {
  try {
    return parseHostKey(line);
  } catch (error) {
    if (!(error instanceof HostKeyRefused)) throw error;
    throw new OperationError('invalid', error.message, { field: '/key', cause: error });
  }
}

async function recordAdded(
  tx: Transaction,
  actor: Actor,
  endpoint: Endpoint,
  record: HostKeyRecord,
): Promise<void> {
  await appendAuditEvent(tx, actor, {
    type: 'host-key.added',
    subject: { kind: 'endpoint', id: endpoint.id },
    data: { ...dataOf(endpoint, record), state: record.state },
  });
}

async function insertOnce(
  db: Db,
  endpoint: Endpoint,
  { algorithm, publicKey, fingerprint }: HostKey,
  state: HostKeyState,
): Promise<HostKeyRecord> {
  try {
    const id = newId();
    return await insertHostKey(db, {
      id,
      endpointId: endpoint.id,
      algorithm,
      publicKey,
      fingerprint,
      state,
    });
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new OperationError(
      'conflict',
      `endpoint ${endpoint.name} has the host key ${fingerprint} already; change its state instead`,
      { field: '/key', cause: error },
    );
  }
}

function dataOf(endpoint: Endpoint, { id, algorithm, fingerprint }: HostKeyRecord) {
  return { endpoint: endpoint.name, hostKeyId: id, algorithm, fingerprint };
}
