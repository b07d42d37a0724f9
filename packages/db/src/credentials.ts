import type { CredentialKind, CredentialPurpose, Id } from '@waybill/domain';
import { clientOf, type Db } from './db.js';

/** The secret of an endpoint's account, or of the proxy on the way, in its sealed envelope. */
export interface SealedCredential {
  readonly id: Id;
  readonly endpointId: Id;
  readonly purpose: CredentialPurpose;
  readonly kind: CredentialKind;
  readonly envelope: Uint8Array;
  /** Which master key sealed it. */
  readonly keyId: string;
  readonly updatedAt: Date;
}

/** Replaces the endpoint's credential of this purpose, row and id included: an envelope is bound to its id. */
export async function replaceCredential(
  db: Db,
  credential: Omit<SealedCredential, 'updatedAt'>,
): Promise<SealedCredential> {
  await deleteCredential(db, credential.endpointId, credential.purpose);
  const data = { ...credential, envelope: Uint8Array.from(credential.envelope) };
  return toCredential(await clientOf(db).credential.create({ data }));
}

/** Does nothing if there is none. */
export async function deleteCredential(db: Db, endpointId: Id, purpose: CredentialPurpose): Promise<void> {
  await clientOf(db).credential.deleteMany({ where: { endpointId, purpose } });
}

export async function findCredential(
  db: Db,
  endpointId: Id,
  purpose: CredentialPurpose,
): Promise<SealedCredential | undefined> {
  const row = await clientOf(db).credential.findUnique({
    where: { endpointId_purpose: { endpointId, purpose } },
  });
  return row ? toCredential(row) : undefined;
}

function toCredential(
  row: Omit<SealedCredential, 'kind' | 'purpose'> & { kind: string; purpose: string },
): SealedCredential {
  const { id, endpointId, envelope, keyId, updatedAt } = row;
  const kind = row.kind as CredentialKind;
  return { id, endpointId, purpose: row.purpose as CredentialPurpose, kind, envelope, keyId, updatedAt };
}
