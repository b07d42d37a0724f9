import type { StageFindings, TransformSpec } from '@waybill/domain';
import { type Message, type PublicKey, verify } from 'openpgp';
import { ByteReader } from '../byte-reader.js';
import { type ExpansionLimits, withinLimits } from '../limits.js';
import type { Transform } from '../transform.js';
import { TransformError } from '../transform-error.js';
import type { KeyRing } from './key-ring.js';
import { asDamaged, content, isEncrypted, openMessage, readingConfig } from './read-message.js';
import { holdRejections, requireSignature } from './signatures.js';
import { acceptedKeys } from './usable-keys.js';

/** @throws TransformError if a key is missing, or not valid any more */
export async function openVerify(
  spec: TransformSpec & { kind: 'openpgp-verify' },
  keys: KeyRing,
  limits: ExpansionLimits,
  signal: AbortSignal,
): Promise<(found: (findings: StageFindings) => void) => Transform> {
  const accepted = await acceptedKeys(spec.requireSignatureBy, keys, signal);
  return (found) =>
    async function* (input) {
      const reader = new ByteReader(input);
      try {
        const { data, signatures } = await signedContent(reader, accepted, limits);
        yield* withinLimits(
          content(data, 'the signed file was altered or cut short'),
          () => reader.position,
          limits,
        );
        found({ signedBy: await requireSignature(signatures, accepted) });
      } finally {
        await reader.close();
      }
    };
}

async function signedContent(reader: ByteReader, accepted: readonly PublicKey[], limits: ExpansionLimits) {
  const config = readingConfig(limits);
  const message = (await openMessage(reader, config)) as Message<ReadableStream<Uint8Array>>;
  if (isEncrypted(message))
    throw new TransformError(
      'unsupported',
      'the file is encrypted; use openpgp-decrypt with "requireSignatureBy", which checks the signature inside',
    );
  const result = await verify({ message, verificationKeys: [...accepted], format: 'binary', config }).catch(
    (error: unknown) => {
      throw asDamaged(error, 'the file is no signed OpenPGP message');
    },
  );
  holdRejections(result.signatures);
  return result;
}
