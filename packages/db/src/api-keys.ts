import { type Id, isId, type Scope } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { ApiKey as Row } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** An API key without the key itself, of which only a hash is kept. */
export interface ApiKeyRecord {
  readonly id: Id;
  readonly name: string;
  /** The first characters, by which people recognise it. */
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  readonly expiresAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
  readonly revokedAt: Date | undefined;
}

export interface ApiKeyValues {
  readonly id: Id;
  readonly name: string;
  readonly prefix: string;
  /** Hex SHA-256 of the whole key. */
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | undefined;
}

export async function insertApiKey(db: Db, values: ApiKeyValues): Promise<ApiKeyRecord> {
  const { expiresAt, scopes, ...others } = values;
  const data = { ...others, scopes: [...scopes], expiresAt: expiresAt ?? null };
  return toApiKey(await clientOf(db).apiKey.create({ data }));
}

export async function findApiKey(db: Db, idOrName: string): Promise<ApiKeyRecord | undefined> {
  const where = isId(idOrName) ? { id: idOrName } : { name: idOrName };
  const row = await clientOf(db).apiKey.findUnique({ where });
  return row ? toApiKey(row) : undefined;
}

/** The key with that hash, unless it is revoked or has expired by the database's clock. */
export async function findUsableApiKey(db: Db, hash: string): Promise<ApiKeyRecord | undefined> {
  const rows = await clientOf(db).$queryRaw<{ id: Id }[]>`
    select id from api_key
    where hash = ${hash} and revoked_at is null and (expires_at is null or expires_at > now())`;
  const id = rows[0]?.id;
  return id === undefined ? undefined : await findApiKey(db, id);
}

/** At most once a minute. */
export async function touchApiKey(db: Db, id: Id): Promise<void> {
  await clientOf(db).$executeRaw`
    update api_key set last_used_at = now()
    where id = ${id}::uuid and (last_used_at is null or last_used_at < now() - interval '1 minute')`;
}

/** False if it was revoked already. */
export async function markApiKeyRevoked(db: Db, id: Id): Promise<boolean> {
  const revoked = await clientOf(db)
    .$executeRaw`update api_key set revoked_at = now() where id = ${id}::uuid and revoked_at is null`;
  return revoked === 1;
}

/** By name. */
export async function listApiKeys(db: Db, { limit, after }: Page): Promise<Paged<ApiKeyRecord>> {
  const rows = await clientOf(db).apiKey.findMany({
    where: defined({ name: after === undefined ? undefined : { gt: after } }),
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.name, toApiKey);
}

function toApiKey(row: Row): ApiKeyRecord {
  const { id, name, prefix, createdAt } = row;
  return {
    id,
    name,
    prefix,
    scopes: row.scopes as Scope[],
    createdAt,
    expiresAt: row.expiresAt ?? undefined,
    lastUsedAt: row.lastUsedAt ?? undefined,
    revokedAt: row.revokedAt ?? undefined,
  };
}
