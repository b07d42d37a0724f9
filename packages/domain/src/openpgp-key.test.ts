import { describe, expect, it } from 'vitest';
import { type KeyUse, keysUsedBy, type OpenPgpKeyFacts, whyKeyRefused } from './openpgp-key.js';

it('every key of a chain is found, with its place and what it is for', () => {
  const usages = keysUsedBy([
    { kind: 'openpgp-decrypt', decryptWith: ['old', 'new'], requireSignatureBy: ['acme'] },
    { kind: 'gzip' },
    { kind: 'openpgp-encrypt', recipients: ['branch'], signWith: 'ours' },
    { kind: 'openpgp-sign', signWith: 'ours' },
    { kind: 'openpgp-verify', requireSignatureBy: ['acme'] },
    { kind: 'openpgp-decrypt', decryptWith: ['old'] },
    { kind: 'openpgp-encrypt', recipients: ['branch'] },
  ]);
  expect(usages.map(({ ref, use, step, member }) => `${step}/${member}: ${use} ${ref}`)).toEqual([
    '0/decryptWith/0: decrypt old',
    '0/decryptWith/1: decrypt new',
    '0/requireSignatureBy/0: verify acme',
    '2/recipients/0: encrypt branch',
    '2/signWith: sign ours',
    '3/signWith: sign ours',
    '4/requireSignatureBy/0: verify acme',
    '5/decryptWith/0: decrypt old',
    '6/recipients/0: encrypt branch',
  ]);
});

describe('a key', () => {
  const now = new Date('2026-11-25T12:00:00Z');
  const pair: OpenPgpKeyFacts = {
    ...{ fingerprint: 'A'.repeat(40), userIds: [], canEncrypt: true, canSign: true, hasPrivatePart: true },
  };
  const expired = { ...pair, expiresAt: now };

  it.each<[string, OpenPgpKeyFacts | undefined, Partial<Record<KeyUse, string>>]>([
    ['of both parts', pair, {}],
    ['that expires a moment later', { ...pair, expiresAt: new Date(now.getTime() + 1) }, {}],
    [
      'of the public part alone',
      { ...pair, hasPrivatePart: false },
      { decrypt: 'public part', sign: 'public part' },
    ],
    ['for signing alone', { ...pair, canEncrypt: false }, { encrypt: 'not made', decrypt: 'not made' }],
    ['for encrypting alone', { ...pair, canSign: false }, { sign: 'not made', verify: 'not made' }],
    [
      'that has expired',
      expired,
      { encrypt: 'expired on 2026-11-25', sign: 'expired on', verify: 'expired on' },
    ],
    [
      'that is not there',
      undefined,
      { encrypt: 'import it', decrypt: 'import it', sign: 'import it', verify: 'import it' },
    ],
  ])('%s is refused for exactly what it cannot do', (_what, key, refusals) => {
    for (const use of ['encrypt', 'decrypt', 'sign', 'verify'] as const) {
      const why = whyKeyRefused('acme', key, use, now);
      if (refusals[use] === undefined) expect(why).toBeUndefined();
      else expect(why).toContain(refusals[use]);
    }
  });
});
