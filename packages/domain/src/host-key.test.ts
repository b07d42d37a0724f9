import { describe, expect, it } from 'vitest';
import { HostKeyRefused, hostKeyFromBlob, parseHostKey } from './host-key.js';

/** The key of RFC 8709, section 8, and what `ssh-keygen -lf` says of it. */
const ED25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt';

describe('a host key', () => {
  it('is read from a public key, a known_hosts line and a key with a comment alike', () => {
    const plain = parseHostKey(`ssh-ed25519 ${ED25519}`);
    expect(plain.algorithm).toBe('ssh-ed25519');
    expect(plain.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect(parseHostKey(`[sftp.example.com]:2222 ssh-ed25519 ${ED25519} ops@example`)).toEqual(plain);
    expect(parseHostKey(`  ssh-ed25519 ${ED25519} comment\n`)).toEqual(plain);
  });

  it('is the same whether pasted or offered by a server', () => {
    expect(hostKeyFromBlob(Buffer.from(ED25519, 'base64'))).toEqual(parseHostKey(`ssh-ed25519 ${ED25519}`));
  });

  it.each([
    '',
    'ssh-ed25519',
    `ssh-rsa ${ED25519}`,
    'ssh-ed25519 AAAAC3NzaC1l$$$',
    `@revoked host ssh-ed25519 ${ED25519}`,
    'SHA256:abcdefghijklmnopqrstuvwxyz',
  ])('is refused with the reason when it is none: %s', (text) => {
    expect(() => parseHostKey(text)).toThrow(HostKeyRefused);
  });
});
