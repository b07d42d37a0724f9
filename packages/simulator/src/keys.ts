import ssh2 from 'ssh2';

/** A key pair as OpenSSH writes it. */
export interface KeyPair {
  /** PEM, without a passphrase. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA… comment`. */
  readonly publicKey: string;
}

/**
 * A new Ed25519 pair, for a host or an account. ssh2 (1.17) now and then writes a private key that nobody can read, in
 * about one of 200 cases; such a pair is thrown away.
 */
export function generateKeyPair(comment: string): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error))
      return { privateKey: pair.private, publicKey: pair.public };
  }
}

/**
 * The public line that belongs to a private key.
 * @throws Error if it cannot be read
 */
export function publicLineOf(privateKey: string): string {
  const key = parseKey(privateKey);
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

/** @throws Error if the key cannot be read */
export function parseKey(text: string): ssh2.ParsedKey {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw new Error(`this SSH key cannot be read: ${key.message}`, { cause: key });
  // One text can hold several keys (PuTTY and OpenSSH files never do); the first is meant.
  return Array.isArray(key) ? key[0] : key;
}
