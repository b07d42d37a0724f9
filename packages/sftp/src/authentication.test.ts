import { generateKeyPairSync } from 'node:crypto';
import type { LegacyAlgorithm } from '@waybill/domain';
import type { StorageError } from '@waybill/storage';
import type { ParsedKey } from 'ssh2';
import { expect, it } from 'vitest';
import { authenticationWith } from './authentication.js';

const privateKey = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
}).privateKey;

/** What becomes of a signature that ssh2 asks the account's RSA key for. */
function sign(hash: string, legacyAlgorithms: readonly LegacyAlgorithm[]) {
  const refused: string[] = [];
  const told: string[] = [];
  const account = {
    kind: 'sftp',
    host: 'sftp.example.com',
    port: 22,
    username: 'acme',
    root: '.',
    connectTimeoutMs: 1_000,
    operationTimeoutMs: 1_000,
    keepaliveMs: 1_000,
    secret: { kind: 'private-key', privateKey },
    hostKeys: [],
    legacyAlgorithms,
    onLegacyAlgorithms: (names: readonly LegacyAlgorithm[]) => told.push(...names),
  } as const;
  const refuse = (reason: StorageError) => refused.push(reason.message);
  const { method } = authenticationWith(account, 'sftp://acme@sftp.example.com:22', refuse);
  const { key } = method as unknown as { key: ParsedKey };
  return { signature: key.sign(Buffer.from('session'), hash), refused, told };
}

it('an RSA key signs with SHA-2 for everybody', () => {
  const { signature, refused, told } = sign('sha256', []);
  expect(signature).toBeInstanceOf(Buffer);
  expect([refused, told]).toEqual([[], []]);
});

it('an RSA key signs nothing with SHA-1, and says what to do', () => {
  const { signature, refused, told } = sign('sha1', ['hmac-sha1']);
  expect(signature).toBeInstanceOf(Error);
  expect(refused).toEqual([
    expect.stringMatching(/nothing was signed\..*allow the legacy algorithm ssh-rsa/),
  ]);
  expect(told).toEqual([]);
});

it('an RSA key signs with SHA-1 where ssh-rsa is allowed, which is told', () => {
  const { signature, refused, told } = sign('sha1', ['ssh-rsa']);
  expect(signature).toBeInstanceOf(Buffer);
  expect([refused, told]).toEqual([[], ['ssh-rsa']]);
});
