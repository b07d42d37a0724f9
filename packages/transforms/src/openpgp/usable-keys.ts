import type { KeyRef } from '@waybill/domain';
import type { Key, PrivateKey, PublicKey } from 'openpgp';
import { TransformError } from '../transform-error.js';
import type { KeyRing } from './key-ring.js';

/** The public keys to encrypt for. @throws TransformError `key-unusable` if one can't be encrypted for now */
export function recipientKeys(
  refs: readonly KeyRef[],
  keys: KeyRing,
  signal: AbortSignal,
): Promise<PublicKey[]> {
  const canDo = (key: PublicKey) => key.getEncryptionKey();
  return publicKeysThat(canDo, 'be encrypted for', refs, keys, signal);
}

/** The private key to sign with. @throws TransformError `key-unusable` if it can't sign now */
export async function signingKey(ref: KeyRef, keys: KeyRing, signal: AbortSignal): Promise<PrivateKey> {
  const key = await keys.privateKey(ref, signal);
  await key.getSigningKey().catch((error: unknown) => explain(key, ref, 'sign', error));
  return key;
}

/** Private keys to decrypt with: old ones too, because what was encrypted for them may still arrive. */
export function decryptionKeys(
  refs: readonly KeyRef[],
  keys: KeyRing,
  signal: AbortSignal,
): Promise<PrivateKey[]> {
  return inOrder(refs, (ref) => keys.privateKey(ref, signal));
}

/**
 * The public keys whose signatures are accepted. They have to be valid now, not only when they signed: otherwise
 * whoever stole a key that was withdrawn for it could still sign, with an earlier time.
 * @throws TransformError `key-unusable`
 */
export function acceptedKeys(
  refs: readonly KeyRef[],
  keys: KeyRing,
  signal: AbortSignal,
): Promise<PublicKey[]> {
  const canDo = (key: PublicKey) => key.getSigningKey();
  return publicKeysThat(canDo, 'vouch for signatures', refs, keys, signal);
}

function publicKeysThat(
  canDo: (key: PublicKey) => Promise<unknown>,
  use: string,
  refs: readonly KeyRef[],
  keys: KeyRing,
  signal: AbortSignal,
): Promise<PublicKey[]> {
  return inOrder(refs, async (ref) => {
    const key = await keys.publicKey(ref, signal);
    await canDo(key).catch((error: unknown) => explain(key, ref, use, error));
    return key;
  });
}

/** One after the other: unlocking keeps a processor busy. */
async function inOrder<T>(refs: readonly KeyRef[], open: (ref: KeyRef) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  for (const ref of refs) opened.push(await open(ref));
  return opened;
}

async function explain(key: Key, ref: KeyRef, use: string, cause: unknown): Promise<never> {
  const name = `the key "${ref}" (${key.getFingerprint().toUpperCase()}) cannot ${use}`;
  const why = await whyUnusable(key, cause);
  throw new TransformError('key-unusable', `${name}: ${why}`, { cause });
}

async function whyUnusable(key: Key, cause: unknown): Promise<string> {
  if (await key.isRevoked()) return 'it is revoked; ask its owner for the new one';
  const expires = await key.getExpirationTime().catch(() => null);
  if (expires instanceof Date && expires <= new Date())
    return `it expired on ${expires.toISOString().slice(0, 10)}; ask its owner for the renewed one`;
  return cause instanceof Error ? cause.message : String(cause);
}
