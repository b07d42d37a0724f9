import type { PublicKey, VerifyMessageResult } from 'openpgp';
import { TransformError } from '../transform-error.js';

type VerificationResult = VerifyMessageResult['signatures'][number];

/** A failure is read by `requireSignature`, or doesn't matter because another one came first. */
export function holdRejections(signatures: readonly VerificationResult[]): void {
  for (const { verified, signature } of signatures) {
    verified.catch(() => {});
    signature.catch(() => {});
  }
}

/**
 * The fingerprint of the accepted key that made a valid signature. To be called when the content was read to its end.
 * @throws TransformError `signature-missing` or `signature-invalid`
 */
export async function requireSignature(
  signatures: readonly VerificationResult[],
  accepted: readonly PublicKey[],
): Promise<string> {
  if (signatures.length === 0)
    throw new TransformError(
      'signature-missing',
      'the file is not signed, but a signature is required; ask the sender to sign it',
    );
  const reasons: string[] = [];
  for (const { keyID, verified } of signatures) {
    const signer = accepted.find((key) => key.getKeys(keyID).length > 0);
    const id = keyID.toHex().toUpperCase();
    try {
      await verified;
      if (signer) return signer.getFingerprint().toUpperCase();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      reasons.push(signer ? `the signature of ${id} is not valid (${why})` : `${id} is not an accepted key`);
    }
  }
  const known = accepted.map((key) => key.getKeyID().toHex().toUpperCase()).join(', ');
  throw new TransformError(
    'signature-invalid',
    `no valid signature of an accepted key: ${reasons.join('; ')}; accepted: ${known}. Do not use the file before the ` +
      'sender has explained it',
  );
}
