import { expect, it } from 'vitest';
import { scanAdvice } from './scan-advice.js';

const key = { algorithm: 'ssh-ed25519', fingerprint: 'SHA256:a', isNew: false } as const;
const report = { kind: 'host-key-scan', offered: [], missing: [] } as const;

it('says how to trust a key that is proposed, and that nothing was trusted', () => {
  const lines = scanAdvice('acme', {
    ...report,
    missing: [],
    offered: [{ ...key, state: 'proposed', isNew: true }],
  });
  expect(lines).toEqual([
    expect.stringContaining('Nothing was trusted'),
    '  waybill endpoint trust acme --fingerprint SHA256:a',
  ]);
});

it('has nothing to propose where the server offers a trusted key alone', () => {
  expect(scanAdvice('acme', { ...report, missing: [], offered: [{ ...key, state: 'active' }] })).toEqual([
    'The server offers a key that is trusted.',
  ]);
});

it('warns of a server that offers none of the trusted keys, and of one that offers a revoked key', () => {
  const missing = [{ algorithm: 'ssh-ed25519', fingerprint: 'SHA256:b' }];
  const lines = scanAdvice('acme', { ...report, missing, offered: [{ ...key, state: 'revoked' }] });
  expect(lines).toEqual([
    expect.stringContaining('SHA256:a, which was revoked'),
    expect.stringContaining('none of the keys that are trusted'),
  ]);
});
