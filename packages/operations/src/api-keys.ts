import { createHash, randomBytes } from 'node:crypto';
import {
  type ApiKeyRecord,
  appendAuditEvent,
  type Database,
  findApiKey,
  findUsableApiKey,
  insertApiKey,
  markApiKeyRevoked,
  touchApiKey,
  transaction,
} from '@waybill/db';
import { newId, type Scope } from '@waybill/domain';
import type { Context } from './context.js';
import { notFound, withUniqueName } from './operation-error.js';

export interface ApiKeyInput {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: Date | undefined;
}

/** Such as `wb_1f0c39ab_` and 43 characters of base64url: 256 random bits. */
const keyForm = /^wb_[0-9a-f]{8}_[\w-]{43}$/;

/**
 * Makes a key. This is the only time that it is seen: a hash of it is kept.
 * @throws OperationError `conflict` if the name is taken
 */
export async function createApiKey(
  { database, actor }: Context,
  { name, scopes, expiresAt }: ApiKeyInput,
): Promise<{ record: ApiKeyRecord; key: string }> {
  const prefix = `wb_${randomBytes(4).toString('hex')}`;
  const key = `${prefix}_${randomBytes(32).toString('base64url')}`;
  const record = await transaction(database, async (tx) => {
    const values = { id: newId(), name, prefix, hash: hashOf(key), scopes, expiresAt };
    const inserted = await withUniqueName('API key', name, () => insertApiKey(tx, values));
    await appendAuditEvent(tx, actor, {
      type: 'api-key.created',
      subject: { kind: 'api-key', id: inserted.id },
      data: { name, prefix, scopes, ...(expiresAt && { expiresAt: expiresAt.toISOString() }) },
    });
    return inserted;
  });
  return { record, key };
}

/** At once and for good. Twice is as good as once. @throws OperationError `not-found` */
export async function revokeApiKey({ database, actor }: Context, idOrName: string): Promise<ApiKeyRecord> {
  return await transaction(database, async (tx) => {
    const before = await findApiKey(tx, idOrName);
    if (!before) throw notFound('API key', idOrName);
    if (!(await markApiKeyRevoked(tx, before.id))) return before;
    await appendAuditEvent(tx, actor, {
      type: 'api-key.revoked',
      subject: { kind: 'api-key', id: before.id },
      data: { name: before.name, prefix: before.prefix },
    });
    return (await findApiKey(tx, before.id)) ?? before;
  });
}

/** Whose key it is; `undefined` if it is none, was revoked or has expired. */
export async function authenticate(database: Database, key: string): Promise<ApiKeyRecord | undefined> {
  if (!keyForm.test(key)) return undefined;
  const record = await findUsableApiKey(database, hashOf(key));
  if (record) await touchApiKey(database, record.id);
  return record;
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
