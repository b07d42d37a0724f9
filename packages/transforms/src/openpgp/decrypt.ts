import type { StageFindings, TransformSpec } from '@waybill/domain';
import { decrypt, type Message, type PrivateKey, type PublicKey } from 'openpgp';
import { ByteReader } from '../byte-reader.js';
import { type ExpansionLimits, withinLimits } from '../limits.js';
import type { Transform } from '../transform.js';
import { TransformError } from '../transform-error.js';
import type { KeyRing } from './key-ring.js';
import { asDamaged, content, openMessage, readingConfig } from './read-message.js';
import { holdRejections, requireSignature } from './signatures.js';
import { acceptedKeys, decryptionKeys } from './usable-keys.js';

/** @throws TransformError if a key is missing, locked, or (for signatures) not valid any more */
export async function openDecrypt(
  spec: TransformSpec & { kind: 'openpgp-decrypt' },
  keys: KeyRing,
  limits: ExpansionLimits,
  signal: AbortSignal,
): Promise<(found: (findings: StageFindings) => void) => Transform> {
  const ours = await decryptionKeys(spec.decryptWith, keys, signal);
  const accepted = spec.requireSignatureBy && (await acceptedKeys(spec.requireSignatureBy, keys, signal));
  return (found) =>
    async function* (input) {
      const reader = new ByteReader(input);
      try {
        const { data, signatures } = await decrypted(reader, ours, accepted ?? [], limits);
        yield* withinLimits(
          content(data, 'the encrypted file was altered or cut short'),
          () => reader.position,
          limits,
        );
        if (accepted) found({ signedBy: await requireSignature(signatures, accepted) });
      } finally {
        await reader.close();
      }
    };
}

async function decrypted(
  reader: ByteReader,
  ours: readonly PrivateKey[],
  accepted: readonly PublicKey[],
  limits: ExpansionLimits,
) {
  const config = readingConfig(limits);
  const message = (await openMessage(reader, config)) as Message<ReadableStream<Uint8Array>>;
  requireKeyFor(message, ours);
  const result = await decrypt({
    message,
    decryptionKeys: [...ours],
    verificationKeys: [...accepted],
    format: 'binary',
    config,
  }).catch((error: unknown) => {
    throw asDamaged(error, 'the file does not decrypt');
  });
  holdRejections(result.signatures);
  return result;
}

const HIDDEN = '0000000000000000';

/** A message for hidden recipients may be for any key, so each is tried. */
function requireKeyFor(message: Message<ReadableStream<Uint8Array>>, ours: readonly PrivateKey[]): void {
  const ids = message.getEncryptionKeyIDs();
  if (ids.length === 0)
    throw new TransformError(
      'unsupported',
      'the file is not encrypted for a key (it is not encrypted, or by a password); ask the sender to encrypt it for ' +
        'your public key',
    );
  if (ids.some((id) => id.toHex() === HIDDEN || ours.some((key) => key.getKeys(id).length > 0))) return;
  const theirs = ids.map((id) => id.toHex().toUpperCase()).join(', ');
  const known = ours.flatMap((key) => key.getKeyIDs().map((id) => id.toHex().toUpperCase())).join(', ');
  throw new TransformError(
    'no-key',
    `the file is encrypted for the key ${theirs}, but the keys here are ${known}; send the partner your public key`,
  );
}
