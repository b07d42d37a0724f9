import type { HostKeyState, Id } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { HostKey as Row } from './generated/client.js';

/** A public key that a server proves itself with, and whether it is trusted. */
export interface HostKeyRecord {
  readonly id: Id;
  readonly endpointId: Id;
  readonly algorithm: string;
  /** The key's blob in base64. */
  readonly publicKey: string;
  /** SHA256:… */
  readonly fingerprint: string;
  readonly state: HostKeyState;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export async function insertHostKey(
  db: Db,
  key: Omit<HostKeyRecord, 'createdAt' | 'updatedAt'>,
): Promise<HostKeyRecord> {
  return toHostKey(await clientOf(db).hostKey.create({ data: { ...key } }));
}

export async function saveHostKeyState(db: Db, id: Id, state: HostKeyState): Promise<HostKeyRecord> {
  const data = { state, updatedAt: new Date() };
  return toHostKey(await clientOf(db).hostKey.update({ where: { id }, data }));
}

export async function findHostKey(db: Db, id: Id): Promise<HostKeyRecord | undefined> {
  const row = await clientOf(db).hostKey.findUnique({ where: { id } });
  return row ? toHostKey(row) : undefined;
}

/** All of an endpoint, oldest first; there are never many. */
export async function listHostKeys(db: Db, endpointId: Id): Promise<HostKeyRecord[]> {
  const rows = await clientOf(db).hostKey.findMany({ where: { endpointId }, orderBy: { id: 'asc' } });
  return rows.map(toHostKey);
}

function toHostKey(row: Row): HostKeyRecord {
  return { ...row, state: row.state as HostKeyState };
}
