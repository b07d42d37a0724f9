import type { TransformSpec } from '@waybill/domain';
import { createMessage, encrypt, type PartialConfig, sign } from 'openpgp';
import type { Transform } from '../transform.js';
import type { KeyRing } from './key-ring.js';
import { recipientKeys, signingKey } from './usable-keys.js';
import { fromWebStream, toWebStream } from './web-streams.js';

/**
 * Integrity by MDC (RFC 4880, 5.13), which every program reads; the newer AEAD form is used only where all recipients'
 * keys announce that they read it. No version line, no comment, no file name.
 */
const config: PartialConfig = { aeadProtect: false, showVersion: false, showComment: false };

/** @throws TransformError if a key is missing or can't be used */
export async function openEncrypt(
  spec: TransformSpec & { kind: 'openpgp-encrypt' },
  keys: KeyRing,
  signal: AbortSignal,
): Promise<Transform> {
  const encryptionKeys = await recipientKeys(spec.recipients, keys, signal);
  const signer = spec.signWith === undefined ? undefined : await signingKey(spec.signWith, keys, signal);
  return async function* (input) {
    const message = await createMessage({ binary: toWebStream(input), format: 'binary' });
    const options = { message, encryptionKeys, config, ...(signer && { signingKeys: signer }) };
    yield* fromWebStream(
      spec.armor
        ? await encrypt({ ...options, format: 'armored' })
        : await encrypt({ ...options, format: 'binary' }),
    );
  };
}

/** The content and its signature in one message. @throws TransformError if the key is missing or can't sign */
export async function openSign(
  spec: TransformSpec & { kind: 'openpgp-sign' },
  keys: KeyRing,
  signal: AbortSignal,
): Promise<Transform> {
  const signingKeys = await signingKey(spec.signWith, keys, signal);
  return async function* (input) {
    const message = await createMessage({ binary: toWebStream(input), format: 'binary' });
    const options = { message, signingKeys, config };
    yield* fromWebStream(
      spec.armor
        ? await sign({ ...options, format: 'armored' })
        : await sign({ ...options, format: 'binary' }),
    );
  };
}
