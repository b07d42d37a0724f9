import type { AuditEvent } from '@waybill/audit';
import {
  appendAuditEvent,
  type Db,
  deleteOpenPgpKey,
  findOpenPgpKey,
  findSealedKey,
  findTransfersWithTransforms,
  insertOpenPgpKey,
  lockOpenPgpKey,
  type OpenPgpKey,
  transaction,
} from '@waybill/db';
import { type Id, keysUsedBy, newId } from '@waybill/domain';
import type { Vault } from '@waybill/secrets';
import type { OfferedKey, ReadKey } from '@waybill/transforms/keys';
import type { Context } from './context.js';
import { notFound, OperationError, withUniqueName } from './operation-error.js';

export interface OpenPgpKeyInput extends OfferedKey {
  readonly name: string;
}

/**
 * Puts a key on record. A private part is sealed with its passphrase, and never shown again.
 * @throws OperationError `conflict` if the name is taken, `invalid` if the key can't be read, opened or used
 */
export async function importOpenPgpKey(
  { database, actor }: Context,
  { name, ...offered }: OpenPgpKeyInput,
  vault: Vault,
): Promise<OpenPgpKey> {
  const read = await readKey(offered);
  const id = newId();
  const secret = JSON.stringify(offered);
  const sealed = read.hasPrivatePart
    ? { envelope: vault.seal(Buffer.from(secret), sealContext(id)), keyId: vault.keyId }
    : undefined;
  return await transaction(database, async (tx) => {
    const key = await withUniqueName('OpenPGP key', name, () =>
      insertOpenPgpKey(tx, { id, name, ...read }, sealed),
    );
    await appendAuditEvent(tx, actor, {
      type: 'openpgp-key.imported',
      subject: { kind: 'openpgp-key', id },
      data: dataOf(key),
    });
    return key;
  });
}

/** @throws OperationError `not-found`, or `conflict` while the current version of a transfer names the key */
export async function removeOpenPgpKey({ database, actor }: Context, idOrName: string): Promise<OpenPgpKey> {
  return await transaction(database, async (tx) => {
    const key = await findOpenPgpKey(tx, idOrName);
    if (!key) throw notFound('OpenPGP key', idOrName);
    await lockOpenPgpKey(tx, key.id);
    await refuseWhileUsed(tx, key);
    await deleteOpenPgpKey(tx, key.id);
    await appendAuditEvent(tx, actor, {
      type: 'openpgp-key.removed',
      subject: { kind: 'openpgp-key', id: key.id },
      data: dataOf(key),
    });
    return key;
  });
}

/** A key as transforms take it, for the worker that is about to use it. `undefined` if there is none of that name. */
export async function openOpenPgpKey(
  db: Db,
  name: string,
  vault: Vault,
): Promise<{ readonly publicKey: string; readonly privatePart: OfferedKey | undefined } | undefined> {
  const key = await findOpenPgpKey(db, name);
  if (!key) return undefined;
  const sealed = await findSealedKey(db, key.id);
  const plaintext = sealed && vault.open(sealed.envelope, sealContext(key.id));
  return {
    publicKey: key.publicKey,
    privatePart: plaintext && (JSON.parse(Buffer.from(plaintext).toString('utf8')) as OfferedKey),
  };
}

async function readKey(offered: OfferedKey): Promise<ReadKey> {
  // The library is large, and only this needs it.
  const { readOfferedKey, TransformError } = await import('@waybill/transforms/keys');
  return await readOfferedKey(offered).catch((cause: unknown) => {
    if (!(cause instanceof TransformError)) throw cause;
    throw new OperationError('invalid', cause.message, { cause, field: '/armored' });
  });
}

/** Old versions may still have runs to retry; these say then that the key is gone. */
async function refuseWhileUsed(db: Db, { name }: OpenPgpKey): Promise<void> {
  const using = (await findTransfersWithTransforms(db)).filter(({ definition }) =>
    keysUsedBy(definition.transforms ?? []).some(({ ref }) => ref === name),
  );
  if (using.length === 0) return;
  const names = using.map((transfer) => transfer.name).join(', ');
  throw new OperationError(
    'conflict',
    `OpenPGP key ${name} is named by the transforms of ${names}; have them name another key first`,
  );
}

/** Binds an envelope to its row, so that it is worth nothing in another one. */
function sealContext(id: Id): string {
  return `openpgp-key:${id}`;
}

type KeyData = Extract<AuditEvent, { type: 'openpgp-key.imported' }>['data'];

function dataOf({ name, fingerprint, userIds, hasPrivatePart, expiresAt }: OpenPgpKey): KeyData {
  return {
    ...{ name, fingerprint, userIds, hasPrivatePart },
    ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
  };
}
