import type { KeyRef } from '@waybill/domain';
import { decryptKey, type PrivateKey, type PublicKey, readKey, readPrivateKey } from 'openpgp';
import { TransformError } from '../transform-error.js';

export interface PrivateKeyText {
  /** Armored, or binary. */
  readonly key: string | Uint8Array;
  readonly passphrase?: string;
}

/** Where keys are kept. `undefined` where there is no key of that name. */
export interface KeySource {
  publicKey(ref: KeyRef, signal: AbortSignal): Promise<string | Uint8Array | undefined>;
  privateKey(ref: KeyRef, signal: AbortSignal): Promise<PrivateKeyText | undefined>;
}

/** Keys as transforms use them: read, and unlocked. */
export interface KeyRing {
  publicKey(ref: KeyRef, signal: AbortSignal): Promise<PublicKey>;
  privateKey(ref: KeyRef, signal: AbortSignal): Promise<PrivateKey>;
}

/**
 * Opens each key once and keeps it, because GnuPG protects private keys so that a passphrase takes seconds to try.
 * One ring lives as long as one attempt: a key that is exchanged is seen by the next one.
 */
export function openKeyRing(source: KeySource): KeyRing {
  const publicKeys = new Map<KeyRef, Promise<PublicKey>>();
  const privateKeys = new Map<KeyRef, Promise<PrivateKey>>();
  return {
    publicKey: (ref, signal) => once(publicKeys, ref, () => openPublicKey(source, ref, signal)),
    privateKey: (ref, signal) => once(privateKeys, ref, () => openPrivateKey(source, ref, signal)),
  };
}

function once<T>(known: Map<KeyRef, Promise<T>>, ref: KeyRef, open: () => Promise<T>): Promise<T> {
  const opened = known.get(ref) ?? open();
  known.set(ref, opened);
  opened.catch(() => known.delete(ref));
  return opened;
}

async function openPublicKey(source: KeySource, ref: KeyRef, signal: AbortSignal): Promise<PublicKey> {
  const text = await source.publicKey(ref, signal);
  if (text === undefined) throw noKey(ref, 'public');
  const key = await (typeof text === 'string'
    ? readKey({ armoredKey: text })
    : readKey({ binaryKey: text })
  ).catch((error: unknown) => unreadable(ref, error));
  return key.toPublic();
}

async function openPrivateKey(source: KeySource, ref: KeyRef, signal: AbortSignal): Promise<PrivateKey> {
  const text = await source.privateKey(ref, signal);
  if (text === undefined) throw noKey(ref, 'private');
  const read =
    typeof text.key === 'string'
      ? readPrivateKey({ armoredKey: text.key })
      : readPrivateKey({ binaryKey: text.key });
  const privateKey = await read.catch((error: unknown) => unreadable(ref, error));
  if (privateKey.isDecrypted()) return privateKey;
  if (text.passphrase === undefined)
    throw new TransformError(
      'key-unusable',
      `the private key "${ref}" is locked: store its passphrase with it`,
    );
  return await decryptKey({ privateKey, passphrase: text.passphrase }).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TransformError(
      'key-unusable',
      `the private key "${ref}" does not open with its passphrase: ${why}`,
      {
        cause,
      },
    );
  });
}

function noKey(ref: KeyRef, what: string): TransformError {
  return new TransformError('no-key', `there is no ${what} key "${ref}"; add it, or correct the definition`);
}

function unreadable(ref: KeyRef, cause: unknown): never {
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new TransformError('key-unusable', `the key "${ref}" is no OpenPGP key that can be read: ${why}`, {
    cause,
  });
}
