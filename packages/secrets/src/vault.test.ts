import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseMasterKey } from './master-key.js';
import { createVault, SecretRefused } from './vault.js';

const newKey = () => parseMasterKey(randomBytes(32).toString('base64'), 'the key');
const secret = Buffer.from('correct horse battery staple');

describe('a vault', () => {
  it('opens what it sealed', () => {
    const vault = createVault(newKey());
    expect(Buffer.from(vault.open(vault.seal(secret, 'credential:1'), 'credential:1'))).toEqual(secret);
  });

  it('never seals the same secret to the same bytes, and shows none of it', () => {
    const vault = createVault(newKey());
    const first = Buffer.from(vault.seal(secret, 'c'));
    expect(first.equals(Buffer.from(vault.seal(secret, 'c')))).toBe(false);
    expect(first.includes(secret)).toBe(false);
  });

  it('refuses an envelope that was moved to another record', () => {
    const vault = createVault(newKey());
    const envelope = vault.seal(secret, 'credential:1');
    expect(() => vault.open(envelope, 'credential:2')).toThrow(SecretRefused);
  });

  it('refuses an envelope with any bit changed', () => {
    const vault = createVault(newKey());
    const envelope = vault.seal(secret, 'c');
    for (let i = 0; i < envelope.length; i++) {
      const damaged = Uint8Array.from(envelope);
      damaged[i] = (damaged[i] ?? 0) ^ 1;
      expect(() => vault.open(damaged, 'c')).toThrow(SecretRefused);
    }
  });

  it('names the master key that is needed when it has another one', () => {
    const first = newKey();
    const envelope = createVault(first).seal(secret, 'c');
    expect(() => createVault(newKey()).open(envelope, 'c')).toThrow(first.id);
  });
});
