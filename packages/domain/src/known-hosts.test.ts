import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseHostKey } from './host-key.js';
import { findKnownHosts, formatKnownHost } from './known-hosts.js';

const ONE = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt';
const TWO = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOC9gDsKpwjKDcbgPYs3ZbGkFXCEnGGGJnn7cQCXhv9z';
const acme = { host: 'sftp.acme.example', port: 22 };
const other = { host: 'sftp.acme.example', port: 2222 };

/** As `ssh-keygen -H` rewrites the file. */
function hashed(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-known-hosts-'));
  try {
    const file = join(directory, 'known_hosts');
    writeFileSync(file, text);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('known_hosts', () => {
  const text = [
    '# a comment',
    '',
    `sftp.acme.example,192.0.2.7 ${ONE} ops@acme`,
    `[sftp.acme.example]:2222 ${TWO}`,
    'elsewhere.example not-a-key',
  ].join('\r\n');

  it('gives the keys of a server by name, by address and by port', () => {
    expect(findKnownHosts(text, acme)).toEqual([parseHostKey(ONE)]);
    expect(findKnownHosts(text, { host: '192.0.2.7', port: 22 })).toEqual([parseHostKey(ONE)]);
    expect(findKnownHosts(text, { host: 'SFTP.Acme.example', port: 2222 })).toEqual([parseHostKey(TWO)]);
    expect(findKnownHosts(text, { host: 'acme.example', port: 22 })).toEqual([]);
  });

  it('gives the same after ssh-keygen has hashed the names', () => {
    const rewritten = hashed(
      `${formatKnownHost(acme, parseHostKey(ONE))}\n${formatKnownHost(other, parseHostKey(TWO))}\n`,
    );
    expect(rewritten).not.toContain('acme');
    expect(findKnownHosts(rewritten, acme)).toEqual([parseHostKey(ONE)]);
    expect(findKnownHosts(rewritten, other)).toEqual([parseHostKey(TWO)]);
  });

  it('gives several keys of one server in order, each once', () => {
    const several = `sftp.acme.example ${TWO}\nsftp.acme.example ${ONE}\nsftp.acme.example ${TWO}\n`;
    expect(findKnownHosts(several, acme)).toEqual([parseHostKey(TWO), parseHostKey(ONE)]);
  });

  it.each([
    ['*.acme.example', true],
    ['sft?.acme.example', true],
    ['*.acme.example,!sftp.acme.example', false],
    ['!sftp.acme.example', false],
    ['sftpXacme.example', false],
  ])('takes patterns as OpenSSH does: %s', (names, known) => {
    expect(findKnownHosts(`${names} ${ONE}`, acme)).toHaveLength(known ? 1 : 0);
  });

  it.each([
    `@cert-authority *.acme.example ${ONE}`,
    `@revoked sftp.acme.example ${ONE}`,
    'sftp.acme.example ssh-ed25519 AAAAcut',
    'sftp.acme.example 1024 35 1371',
    'sftp.acme.example',
  ])('refuses a line of the server that it cannot use, with its number: %s', (line) => {
    expect(() => findKnownHosts(`# first\n${line}\n`, acme)).toThrow(/^line 2/);
    expect(findKnownHosts(line, { host: 'unrelated.example', port: 22 })).toEqual([]);
  });

  it('a line that was written is read again, whatever the address', () => {
    for (const address of [
      acme,
      other,
      { host: '2001:db8::7', port: 22 },
      { host: '[2001:db8::7]', port: 22022 },
    ])
      expect(findKnownHosts(formatKnownHost(address, parseHostKey(ONE)), address)).toEqual([
        parseHostKey(ONE),
      ]);
    expect(formatKnownHost(other, parseHostKey(ONE))).toBe(`[sftp.acme.example]:2222 ${ONE}`);
  });
});
