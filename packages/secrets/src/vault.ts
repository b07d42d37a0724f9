import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { MasterKey } from './master-key.js';

/** Seals secrets for storage. */
export interface Vault {
  /** The master key that `seal` uses. */
  readonly keyId: string;
  /** @param context what the secret belongs to, such as `credential:<id>`: an envelope opens in its own context only */
  seal(plaintext: Uint8Array, context: string): Uint8Array<ArrayBuffer>;
  /** @throws SecretRefused if the envelope is damaged, of another context, or sealed by another master key */
  open(envelope: Uint8Array, context: string): Uint8Array;
}

export class SecretRefused extends Error {
  override readonly name = 'SecretRefused';
}

const VERSION = 1;
const CIPHER = 'aes-256-gcm';
const IV = 12;
const TAG = 16;
const KEY = 32;
const KEY_ID = 8;
const WRAPPED = IV + KEY + TAG;
const HEADER = 1 + KEY_ID;

/**
 * Envelopes of AES-256-GCM: a fresh data key seals the secret, the master key seals the data key, so that a change of
 * master key re-wraps 32 bytes a secret. Layout: version (1), master key's id (8), data key sealed (12 + 32 + 16),
 * secret sealed (12 + n + 16). Version, key id and context are authenticated with both.
 */
export function createVault(masterKey: MasterKey): Vault {
  const keyId = Buffer.from(masterKey.id, 'hex');
  const header = Buffer.concat([Buffer.of(VERSION), keyId]);
  const bind = (context: string) => Buffer.concat([header, Buffer.from(context)]);

  return {
    keyId: masterKey.id,
    seal(plaintext, context) {
      const dataKey = randomBytes(KEY);
      const bound = bind(context);
      const wrapped = encrypt(masterKey.bytes, dataKey, bound);
      return new Uint8Array(Buffer.concat([header, wrapped, encrypt(dataKey, plaintext, bound)]));
    },
    open(envelope, context) {
      const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength);
      if (bytes.length < HEADER + WRAPPED + IV + TAG || bytes[0] !== VERSION)
        throw new SecretRefused(`the stored secret of ${context} is damaged`);
      const sealedBy = bytes.toString('hex', 1, HEADER);
      if (sealedBy !== masterKey.id)
        throw new SecretRefused(
          `the stored secret of ${context} was sealed by master key ${sealedBy}, but this is ${masterKey.id}`,
        );
      try {
        const bound = bind(context);
        const dataKey = decrypt(masterKey.bytes, bytes.subarray(HEADER, HEADER + WRAPPED), bound);
        return decrypt(dataKey, bytes.subarray(HEADER + WRAPPED), bound);
      } catch (cause) {
        throw new SecretRefused(`the stored secret of ${context} does not open: it was altered or moved`, {
          cause,
        });
      }
    },
  };
}

function encrypt(key: Uint8Array, plaintext: Uint8Array, bound: Uint8Array): Buffer {
  const iv = randomBytes(IV);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(bound);
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, sealed: Buffer, bound: Uint8Array): Buffer {
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, IV), { authTagLength: TAG });
  decipher.setAAD(bound).setAuthTag(sealed.subarray(-TAG));
  return Buffer.concat([decipher.update(sealed.subarray(IV, -TAG)), decipher.final()]);
}
