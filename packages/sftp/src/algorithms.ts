import {
  type AlgorithmUse,
  isLegacyAlgorithm,
  type LegacyAlgorithm,
  legacyAlgorithmsByUse,
} from '@waybill/domain';
import type { NegotiatedAlgorithms } from 'ssh2';

/** AES-GCM first: Node encrypts it natively, and fast. Nothing with SHA-1, CBC or arcfour. */
const MODERN: Readonly<Record<Exclude<AlgorithmUse, 'serverHostKey'>, readonly string[]>> = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group-exchange-sha256',
  ],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
    'chacha20-poly1305@openssh.com',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
};

export type Algorithms = Readonly<Record<AlgorithmUse | 'compress', readonly string[]>>;

/**
 * What is offered to a server. Legacy algorithms come last: a server that has a better one takes that.
 * @param serverHostKey as `hostKeyAlgorithms` has them
 */
export function algorithms(
  serverHostKey: readonly string[],
  legacy: readonly LegacyAlgorithm[] = [],
): Algorithms {
  const allowed = (use: keyof typeof MODERN) =>
    legacyAlgorithmsByUse[use].filter((name) => legacy.includes(name));
  return {
    kex: [...MODERN.kex, ...allowed('kex')],
    cipher: [...MODERN.cipher, ...allowed('cipher')],
    hmac: [...MODERN.hmac, ...allowed('hmac')],
    compress: ['none'],
    serverHostKey,
  };
}

/** The weak ones among those that both sides agreed on. */
export function legacyAmong({ kex, serverHostKey, cs, sc }: NegotiatedAlgorithms): LegacyAlgorithm[] {
  const agreed: readonly string[] = [kex, serverHostKey, cs.cipher, sc.cipher, cs.mac, sc.mac];
  return [...new Set(agreed)].filter(isLegacyAlgorithm);
}
