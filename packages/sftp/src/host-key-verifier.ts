import type { LegacyAlgorithm } from '@waybill/domain';
import { type HostKey, HostKeyRefused, hostKeyFromBlob } from '@waybill/domain/host-key';
import { StorageError } from '@waybill/storage';

/**
 * Decides about the key that a server offers.
 * @param where the endpoint, for messages
 * @returns undefined if the key is trusted, else the reason to hang up
 */
export function whyHostKeyRefused(
  offered: Uint8Array,
  trusted: readonly HostKey[],
  where: string,
): StorageError | undefined {
  let key: HostKey;
  try {
    key = hostKeyFromBlob(offered);
  } catch (error) {
    if (!(error instanceof HostKeyRefused)) throw error;
    return new StorageError('protocol-error', `${where} offered a host key that cannot be read`, {
      cause: error,
    });
  }
  if (trusted.some((pin) => pin.publicKey === key.publicKey)) return undefined;
  if (trusted.length === 0)
    return new StorageError(
      'host-key-unknown',
      `${where} offered the host key ${key.algorithm} ${key.fingerprint}, and no key is pinned for it; nothing was ` +
        'sent. Compare the fingerprint with the partner by another way, then pin the key',
    );
  const pins = trusted.map((pin) => `${pin.algorithm} ${pin.fingerprint}`).join(', ');
  return new StorageError(
    'host-key-mismatch',
    `host key mismatch for ${where}: offered ${key.algorithm} ${key.fingerprint}, trusted ${pins}; nothing was sent. ` +
      'Ask the partner by another way whether the key was changed, then pin the new one',
  );
}

/** Signature algorithms of each key type, best first; without SHA-1. */
const SIGNATURES: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

export const HOST_KEY_TYPES = Object.keys(SIGNATURES);

/** Signature algorithms to ask for a key of this type by. SHA-1 comes last, and only where it is allowed. */
export function signaturesOf(type: string, legacy: readonly LegacyAlgorithm[] = []): readonly string[] {
  const signatures = SIGNATURES[type] ?? [];
  return type === 'ssh-rsa' && legacy.includes('ssh-rsa') ? [...signatures, 'ssh-rsa'] : signatures;
}

/**
 * Host key algorithms in the order to ask for. A server with several keys offers the first type that it has, so the
 * types that are pinned come first; the others follow, since a server that has changed to another type shall be
 * reported as a mismatch with its fingerprint and not as a lack of common algorithms.
 */
export function hostKeyAlgorithms(
  trusted: readonly HostKey[],
  legacy: readonly LegacyAlgorithm[] = [],
): string[] {
  const types = new Set([...trusted.map((pin) => pin.algorithm), ...HOST_KEY_TYPES]);
  return [...types].flatMap((type) => signaturesOf(type, legacy));
}
