import type { CredentialKind, Id } from '@waybill/domain';
import { clientOf, type Db } from './db.js';

/** The secret of an endpoint's account in its sealed envelope. */
export interface SealedCredential {
  readonly id: Id;
  readonly endpointId: Id;
  readonly kind: CredentialKind;
  readonly envelope: Uint8Array;
  /** Which master key sealed it. */
  readonly keyId: string;
  readonly updatedAt: Date;
}

/** Replaces the endpoint's credential, row and id included: an envelope is bound to its id. */
export async function replaceCredential(
  db: Db,
  credential: Omit<SealedCredential, 'updatedAt'>,
): Promise<SealedCredential> {
  const client = clientOf(db);
  await client.credential.deleteMany({ where: { endpointId: credential.endpointId } });
  const data = { ...credential, envelope: Uint8Array.from(credential.envelope) };
  return toCredential(await client.credential.create({ data }));
}

export async function findCredential(db: Db, endpointId: Id): Promise<SealedCredential | undefined> {
  const row = await clientOf(db).credential.findUnique({ where: { endpointId } });
  return row ? toCredential(row) : undefined;
}

function toCredential(row: Omit<SealedCredential, 'kind'> & { kind: string }): SealedCredential {
  const { id, endpointId, envelope, keyId, updatedAt } = row;
  return { id, endpointId, kind: row.kind as CredentialKind, envelope, keyId, updatedAt };
}
