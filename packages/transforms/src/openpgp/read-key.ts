import type { OpenPgpKeyFacts } from '@waybill/domain';
import { decryptKey, type Key, type PrivateKey, readKeys } from 'openpgp';
import { TransformError } from '../transform-error.js';

/** An OpenPGP key as somebody hands it over. */
export interface OfferedKey {
  /** Armored, public or private: exactly one key. */
  readonly armored: string;
  /** Of a private key that is locked. */
  readonly passphrase?: string | undefined;
}

export interface ReadKey extends OpenPgpKeyFacts {
  /** Armored. Holds nothing of the private part. */
  readonly publicKey: string;
}

/**
 * Reads a key and finds out what it can be used for. The passphrase of a private one is tried.
 * @throws TransformError `key-unusable` if it can't be read, opened or used for anything
 */
export async function readOfferedKey({ armored, passphrase }: OfferedKey): Promise<ReadKey> {
  const [key, ...others] = await readKeys({ armoredKeys: armored }).catch((cause: unknown) => {
    throw unusable(`this is no armored OpenPGP key: ${messageOf(cause)}`, cause);
  });
  if (!key || others.length > 0)
    throw unusable(`there are ${others.length + 1} keys in it; import each under a name of its own`);
  const facts = await factsOf(key);
  if (!facts.canEncrypt && !facts.canSign)
    throw unusable(
      (await key.isRevoked())
        ? `the key ${facts.fingerprint} is revoked; ask its owner for the new one`
        : `the key ${facts.fingerprint} is neither made to encrypt nor to sign`,
    );
  if (key.isPrivate()) await tryPassphrase(key, passphrase);
  else if (passphrase !== undefined) throw unusable('the key is a public one, which has no passphrase');
  return { ...facts, publicKey: key.toPublic().armor() };
}

async function factsOf(key: Key): Promise<OpenPgpKeyFacts> {
  const expires = await key.getExpirationTime();
  // The time is left out of account: what has expired is told by itself, and may still decrypt old files.
  const can = (look: Promise<unknown>) => look.then(Boolean, () => false);
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    userIds: key.getUserIDs(),
    expiresAt: expires instanceof Date ? expires : undefined,
    canEncrypt: await can(key.getEncryptionKey(undefined, null)),
    canSign: await can(key.getSigningKey(undefined, null)),
    hasPrivatePart: key.isPrivate(),
  };
}

async function tryPassphrase(key: PrivateKey, passphrase: string | undefined): Promise<void> {
  if (key.isDecrypted()) return;
  if (passphrase === undefined) throw unusable('the private key is locked; give its passphrase with it');
  await decryptKey({ privateKey: key, passphrase }).catch((cause: unknown) => {
    throw unusable(`the private key does not open with this passphrase: ${messageOf(cause)}`, cause);
  });
}

function unusable(message: string, cause?: unknown): TransformError {
  return new TransformError('key-unusable', message, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
