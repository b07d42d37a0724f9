import { type Id, isId, type OpenPgpKeyFacts } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { OpenPgpKey as Row } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** An OpenPGP key that transforms name, without its private part. */
export interface OpenPgpKey extends OpenPgpKeyFacts {
  readonly id: Id;
  readonly name: string;
  /** Armored. */
  readonly publicKey: string;
  readonly createdAt: Date;
}

/** The private part of a key in its sealed envelope. */
export interface SealedKey {
  readonly envelope: Uint8Array;
  /** Which master key sealed it. */
  readonly keyId: string;
}

export async function insertOpenPgpKey(
  db: Db,
  { hasPrivatePart: _, ...key }: Omit<OpenPgpKey, 'createdAt'>,
  sealed: SealedKey | undefined,
): Promise<OpenPgpKey> {
  const row = await clientOf(db).openPgpKey.create({
    data: {
      ...key,
      userIds: [...key.userIds],
      expiresAt: key.expiresAt ?? null,
      ...(sealed && { envelope: Uint8Array.from(sealed.envelope), keyId: sealed.keyId }),
    },
  });
  return toKey(row);
}

export async function findOpenPgpKey(db: Db, idOrName: string): Promise<OpenPgpKey | undefined> {
  const where = isId(idOrName) ? { id: idOrName } : { name: idOrName };
  const row = await clientOf(db).openPgpKey.findUnique({ where });
  return row ? toKey(row) : undefined;
}

/** `undefined` if there is no such key, or only its public part is here. */
export async function findSealedKey(db: Db, id: Id): Promise<SealedKey | undefined> {
  const row = await clientOf(db).openPgpKey.findUnique({
    where: { id },
    select: { envelope: true, keyId: true },
  });
  return row?.envelope && row.keyId !== null ? { envelope: row.envelope, keyId: row.keyId } : undefined;
}

/** By name. */
export async function listOpenPgpKeys(db: Db, { limit, after }: Page): Promise<Paged<OpenPgpKey>> {
  const rows = await clientOf(db).openPgpKey.findMany({
    where: defined({ name: after === undefined ? undefined : { gt: after } }),
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.name, toKey);
}

/** Those of the names that there are. Until the transaction ends, none of them can be removed. */
export async function keepOpenPgpKeys(db: Db, names: readonly string[]): Promise<OpenPgpKey[]> {
  const client = clientOf(db);
  await client.$queryRaw`select 1 from openpgp_key where name = any(${[...names]}::text[]) order by id for key share`;
  return (await client.openPgpKey.findMany({ where: { name: { in: [...names] } } })).map(toKey);
}

/** Waits for whoever keeps the key, and keeps others from naming it. */
export async function lockOpenPgpKey(db: Db, id: Id): Promise<void> {
  await clientOf(db).$queryRaw`select 1 from openpgp_key where id = ${id}::uuid for update`;
}

export async function deleteOpenPgpKey(db: Db, id: Id): Promise<void> {
  await clientOf(db).openPgpKey.delete({ where: { id } });
}

function toKey(row: Row): OpenPgpKey {
  const { id, name, fingerprint, userIds, publicKey, canEncrypt, canSign, createdAt } = row;
  return {
    ...{ id, name, fingerprint, userIds, publicKey, canEncrypt, canSign, createdAt },
    expiresAt: row.expiresAt ?? undefined,
    hasPrivatePart: row.envelope !== null,
  };
}
