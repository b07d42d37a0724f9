import { createPrivateKey, createPublicKey, hkdfSync, sign, verify } from 'node:crypto';
import type { MasterKey } from './master-key.js';

/** A detached Ed25519 signature (RFC 8032) with what is needed to check it. */
export interface Signature {
  readonly algorithm: 'Ed25519';
  /** The public key as PEM (SubjectPublicKeyInfo). */
  readonly publicKey: string;
  /** Base64. */
  readonly signature: string;
}

export interface Signer {
  readonly publicKey: string;
  sign(bytes: Uint8Array): Signature;
}

/** DER of a PKCS #8 Ed25519 key up to its 32-byte seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The signing key is derived from the master key (HKDF-SHA-256), so that one secret is all there is to keep. */
export function createSigner(masterKey: MasterKey): Signer {
  const seed = Buffer.from(
    hkdfSync('sha256', masterKey.bytes, Buffer.alloc(0), 'waybill receipt signing', 32),
  );
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  return {
    publicKey,
    sign: (bytes) => ({
      algorithm: 'Ed25519',
      publicKey,
      signature: sign(null, bytes, key).toString('base64'),
    }),
  };
}

export function verifySignature(bytes: Uint8Array, { publicKey, signature }: Signature): boolean {
  return verify(null, bytes, publicKey, Buffer.from(signature, 'base64'));
}
