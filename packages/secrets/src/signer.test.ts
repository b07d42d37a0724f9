import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { parseMasterKey } from './master-key.js';
import { createSigner, verifySignature } from './signer.js';

const masterKey = parseMasterKey(randomBytes(32).toString('base64'), 'the key');

it('signs so that a reader who has the public key can tell an altered text', () => {
  const signature = createSigner(masterKey).sign(Buffer.from('a receipt'));
  expect(verifySignature(Buffer.from('a receipt'), signature)).toBe(true);
  expect(verifySignature(Buffer.from('a receipT'), signature)).toBe(false);
});

it('derives the same signing key from the same master key', () => {
  expect(createSigner(masterKey).publicKey).toBe(createSigner(masterKey).publicKey);
});
