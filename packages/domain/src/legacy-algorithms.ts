/**
 * SSH algorithms that are broken or close to it (SHA-1, CBC, 1024-bit groups), best first: never offered unless an
 * endpoint allows them by name. RFC 9142 lists the key exchanges; RFC 8332 replaces `ssh-rsa`, which signs with SHA-1.
 */
export const legacyAlgorithmsByUse = {
  kex: ['diffie-hellman-group14-sha1', 'diffie-hellman-group-exchange-sha1', 'diffie-hellman-group1-sha1'],
  serverHostKey: ['ssh-rsa'],
  cipher: ['aes256-cbc', 'aes192-cbc', 'aes128-cbc', '3des-cbc'],
  hmac: ['hmac-sha1-etm@openssh.com', 'hmac-sha1'],
} as const;

export type AlgorithmUse = keyof typeof legacyAlgorithmsByUse;
export type LegacyAlgorithm = (typeof legacyAlgorithmsByUse)[AlgorithmUse][number];

export const legacyAlgorithms: readonly LegacyAlgorithm[] = Object.values(legacyAlgorithmsByUse).flat();

export function isLegacyAlgorithm(name: string): name is LegacyAlgorithm {
  return legacyAlgorithms.some((known) => known === name);
}
