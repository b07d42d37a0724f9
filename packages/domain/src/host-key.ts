import { createHash } from 'node:crypto';

/** A server's public key as it stands in `known_hosts`: the key type, and the blob in base64. */
export interface HostKey {
  /** Such as `ssh-ed25519`: the type that stands inside the blob. */
  readonly algorithm: string;
  /** The blob of RFC 4253, section 6.6, in base64. */
  readonly publicKey: string;
  /** `SHA256:` and base64 without padding, as OpenSSH prints it. */
  readonly fingerprint: string;
}

export class HostKeyRefused extends Error {
  override readonly name = 'HostKeyRefused';
}

/**
 * Reads a public key as people paste it: `ssh-ed25519 AAAA… comment`, or a `known_hosts` or `ssh-keyscan` line with
 * the host in front.
 * @throws HostKeyRefused with the reason
 */
export function parseHostKey(text: string): HostKey {
  const words = text.trim().split(/\s+/);
  if (words[0]?.startsWith('@')) throw new HostKeyRefused(`lines marked ${words[0]} are not supported`);
  const at = words.findIndex((word, i) => i < 2 && /^(ssh|ecdsa|sk)-[\w@.-]+$/.test(word));
  const blob = words[at + 1];
  if (at < 0 || blob === undefined)
    throw new HostKeyRefused('write a public key such as "ssh-ed25519 AAAAC3…", or a known_hosts line');
  const bytes = Buffer.from(blob, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== blob.replace(/=+$/, ''))
    throw new HostKeyRefused('the key is not valid base64; was it cut?');
  const key = hostKeyFromBlob(bytes);
  if (key.algorithm !== words[at])
    throw new HostKeyRefused(`the line says ${words[at]}, but the key inside is of type ${key.algorithm}`);
  return key;
}

/** The key whose blob a server offered. @throws HostKeyRefused if it is no key */
export function hostKeyFromBlob(blob: Uint8Array): HostKey {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  const algorithm = bytes.toString('latin1', 4, 4 + length);
  if (length < 4 || length > 64 || bytes.length <= 4 + length || !/^[\w@.-]+$/.test(algorithm))
    throw new HostKeyRefused('this is not an SSH public key');
  return { algorithm, publicKey: bytes.toString('base64'), fingerprint: fingerprintOf(bytes) };
}

function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
