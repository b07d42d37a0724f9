import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Gnupg, startGnupg } from '@waybill/testkit/gnupg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeySource } from './index.js';
import { inPieces, transform } from './testing/streams.js';

const PASSPHRASE = 'correct horse';
const content = Buffer.from('IBAN;amount\nDE02;12,50 €\n'.repeat(4_000));

let gpg: Gnupg;

beforeAll(async () => {
  gpg = await startGnupg();
  const make = async (name: string, algorithm: string, passphrase: string, expires = '2y') => {
    const unlock = ['--passphrase', passphrase];
    await gpg.run([
      ...unlock,
      '--quick-generate-key',
      `${name} <${name}@bank.example>`,
      algorithm,
      'sign',
      expires,
    ]);
    const listed = (await gpg.run(['--with-colons', '--list-keys', name])).toString();
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listed)?.[1] ?? '';
    const encryption = algorithm === 'ed25519' ? 'cv25519' : algorithm;
    await gpg.run([...unlock, '--quick-add-key', fingerprint, encryption, 'encr', expires]);
  };
  await make('rsa', 'rsa2048', '');
  await make('curve', 'ed25519', '');
  await make('locked', 'ed25519', PASSPHRASE);
  await make('gone', 'ed25519', '');
  // A second in the past, when the test comes to it.
  await make('expired', 'ed25519', '', 'seconds=1');
  await gpg.run([
    '--passphrase',
    '',
    '--quick-generate-key',
    'signonly <signonly@bank.example>',
    'ed25519',
    'sign',
  ]);
  const revocation = (await gpg.run(['--with-colons', '--list-keys', 'gone'])).toString();
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(revocation)?.[1] ?? '';
  const certificate = join(gpg.directory, 'openpgp-revocs.d', `${fingerprint}.rev`);
  const usable = (await readFile(certificate, 'utf8')).replace(':-----BEGIN', '-----BEGIN');
  await gpg.run(['--import'], usable);
});

afterAll(async () => {
  await gpg[Symbol.asyncDispose]();
});

const exported = new Map<string, Promise<Buffer>>();

function exportOf(option: string, name: string): Promise<Buffer> {
  const args = ['--passphrase', name === 'locked' ? PASSPHRASE : '', '--armor', option, name];
  const known = exported.get(args.join(' ')) ?? gpg.run(args);
  exported.set(args.join(' '), known);
  return known;
}

/** Keys by the names that gpg knows them by. `locked-without` is the locked one whose passphrase nobody stored. */
const keys: KeySource = {
  async publicKey(ref) {
    const key = (await exportOf('--export', ref)).toString();
    return key === '' ? undefined : key;
  },
  async privateKey(ref) {
    const passphrase = { locked: PASSPHRASE, 'locked-wrong': 'wrong' }[ref];
    const key = (await exportOf('--export-secret-keys', ref.split('-')[0] ?? ref)).toString();
    return { key, ...(passphrase !== undefined && { passphrase }) };
  },
};

const run = (specs: Parameters<typeof transform>[0], input: Uint8Array) => transform(specs, input, { keys });
const failure = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) });

describe.each(['rsa', 'curve'])('with a key of GnuPG (%s)', (name) => {
  it.each([false, true])('GnuPG reads what is encrypted and signed here (armored: %s)', async (armor) => {
    const specs = [
      { kind: 'openpgp-encrypt', recipients: [name, 'locked'], signWith: 'curve', armor } as const,
    ];
    const { output } = await run(specs, content);
    expect(output.subarray(0, 10).toString().startsWith('-----BEGIN')).toBe(armor);
    const status = join(gpg.directory, 'status');
    const decrypted = await gpg.run(['--status-file', status, '--decrypt'], output);
    expect(decrypted.equals(content)).toBe(true);
    const said = await readFile(status, 'utf8');
    expect(said).toMatch(/GOODSIG .* curve <curve@bank.example>/);
    expect(said).toContain('GOODMDC');
  });

  it('GnuPG verifies what is signed here', async () => {
    const { output } = await run([{ kind: 'openpgp-sign', signWith: name }], content);
    expect((await gpg.run(['--decrypt'], output)).equals(content)).toBe(true);
  });

  it.each([
    ['binary', []],
    ['armored', ['--armor']],
    ['not compressed', ['--compress-algo', 'none']],
    ['compressed by bzip2', ['--compress-algo', 'bzip2']],
    ['compressed by zlib', ['--compress-algo', 'zlib']],
    ['for a hidden recipient', ['--throw-keyids']],
  ])('reads what GnuPG encrypted: %s', async (_what, options) => {
    const encrypted = await gpg.run([...options, '--recipient', name, '--encrypt'], content);
    const { output } = await run([{ kind: 'openpgp-decrypt', decryptWith: ['curve', 'rsa'] }], encrypted);
    expect(output.equals(content)).toBe(true);
  });

  it('reads what GnuPG signed and encrypted, and says who signed', async () => {
    const sealed = ['--recipient', name, '--local-user', name, '--sign', '--encrypt'];
    const encrypted = await gpg.run(sealed, content);
    const specs = [
      { kind: 'openpgp-decrypt', decryptWith: [name], requireSignatureBy: ['curve', 'rsa'] } as const,
    ];
    const { output, report } = await run(specs, encrypted);
    expect(output.equals(content)).toBe(true);
    const listed = (await gpg.run(['--with-colons', '--list-keys', name])).toString();
    expect(listed).toContain(report[0]?.signedBy);
  });

  it.each([[[]], [['--armor']], [['--compress-algo', 'none']]])(
    'verifies what GnuPG signed %j',
    async (options) => {
      const signed = await gpg.run([...options, '--local-user', name, '--sign'], content);
      const { output } = await run([{ kind: 'openpgp-verify', requireSignatureBy: [name] }], signed);
      expect(output.equals(content)).toBe(true);
    },
  );
});

it('opens a private key that a passphrase protects', async () => {
  const encrypted = await gpg.run(['--recipient', 'locked', '--encrypt'], content);
  const { output } = await run([{ kind: 'openpgp-decrypt', decryptWith: ['locked'] }], encrypted);
  expect(output.equals(content)).toBe(true);
});

describe('an altered or cut file is never a success', () => {
  const open = { kind: 'openpgp-decrypt', decryptWith: ['curve'] } as const;

  it.each([
    ['compressed', []],
    ['plain', ['--compress-algo', 'none']],
    ['armored', ['--armor']],
  ])('%s, whichever byte is altered and wherever it is cut', async (_what, options) => {
    const short = content.subarray(0, 3000);
    const encrypted = await gpg.run([...options, '--recipient', 'curve', '--encrypt'], short);
    for (let at = 120; at < encrypted.length; at += 211) {
      const altered = Buffer.from(encrypted);
      altered[at] = (altered[at] ?? 0) ^ 0x01;
      const outcomes = await Promise.allSettled([
        run([open], altered),
        run([open], encrypted.subarray(0, at)),
      ]);
      // Some characters of armor mean nothing: then the content is the right one.
      for (const outcome of outcomes)
        if (outcome.status === 'fulfilled') expect(outcome.value.output.equals(short)).toBe(true);
        else expect(outcome.reason).toMatchObject({ code: 'damaged' });
      expect(outcomes[1].status === 'rejected' || at > encrypted.length - 60).toBe(true);
    }
  });

  it('a signed one', async () => {
    const signed = await gpg.run(['--compress-algo', 'none', '--local-user', 'curve', '--sign'], content);
    const verify = { kind: 'openpgp-verify', requireSignatureBy: ['curve'] } as const;
    const altered = Buffer.from(signed);
    altered[1000] = (altered[1000] ?? 0) ^ 0x01;
    await expect(run([verify], altered)).rejects.toMatchObject({ code: 'signature-invalid' });
    for (const cut of [1, 40, 100, 5000, signed.length - 20])
      await expect(run([verify], signed.subarray(0, -cut))).rejects.toMatchObject({
        code: expect.stringMatching(/damaged|signature-missing/),
      });
  });
});

describe('says what is wrong and what to do', () => {
  it('the file is for another key', async () => {
    const encrypted = await gpg.run(['--recipient', 'rsa', '--encrypt'], content);
    await expect(run([{ kind: 'openpgp-decrypt', decryptWith: ['curve'] }], encrypted)).rejects.toMatchObject(
      failure(
        'no-key',
        /encrypted for the key [0-9A-F]{16}, but the keys here are .*send the partner your public key/,
      ),
    );
  });

  it('the signature is missing, or of somebody else', async () => {
    const specs = [{ kind: 'openpgp-decrypt', decryptWith: ['curve'], requireSignatureBy: ['rsa'] } as const];
    const plain = await gpg.run(['--recipient', 'curve', '--encrypt'], content);
    await expect(run(specs, plain)).rejects.toMatchObject(
      failure('signature-missing', /ask the sender to sign it/),
    );
    const other = await gpg.run(
      ['--recipient', 'curve', '--local-user', 'curve', '--sign', '--encrypt'],
      content,
    );
    await expect(run(specs, other)).rejects.toMatchObject(
      failure('signature-invalid', /[0-9A-F]{16} is not an accepted key; accepted: [0-9A-F]{16}/),
    );
  });

  it.each([
    ['expired', { kind: 'openpgp-encrypt', recipients: ['expired'] }, /it expired on \d{4}-.*renewed one/],
    ['revoked', { kind: 'openpgp-encrypt', recipients: ['gone'] }, /it is revoked; ask its owner/],
    [
      'revoked, its signatures too',
      { kind: 'openpgp-verify', requireSignatureBy: ['gone'] },
      /it is revoked/,
    ],
    [
      'made for signing only',
      { kind: 'openpgp-encrypt', recipients: ['signonly'] },
      /cannot be encrypted for/,
    ],
    ['locked', { kind: 'openpgp-sign', signWith: 'locked-without' }, /is locked: store its passphrase/],
    [
      'locked otherwise',
      { kind: 'openpgp-sign', signWith: 'locked-wrong' },
      /does not open with its passphrase/,
    ],
  ] as const)('a key is %s', async (_what, spec, message) => {
    await expect(run([spec], content)).rejects.toMatchObject(failure('key-unusable', message));
  });

  it('there is no such key', async () => {
    const spec = { kind: 'openpgp-encrypt', recipients: ['nobody'] } as const;
    await expect(run([spec], content)).rejects.toMatchObject(failure('no-key', /no public key "nobody"/));
  });

  it.each([
    ['clear signed', ['--local-user', 'curve', '--clear-sign'], 'unsupported', /"PGP SIGNED MESSAGE"/],
    [
      'a signature alone',
      ['--local-user', 'curve', '--armor', '--detach-sign'],
      'unsupported',
      /"PGP SIGNATURE"/,
    ],
    ['encrypted', ['--recipient', 'curve', '--encrypt'], 'unsupported', /use openpgp-decrypt/],
    [
      'by password',
      ['--passphrase', 'x', '--symmetric'],
      'unsupported',
      /use openpgp-decrypt|not encrypted for a key/,
    ],
  ])('the file is %s', async (_what, args, code, message) => {
    const file = await gpg.run(args, content.subarray(0, 100));
    const spec = { kind: 'openpgp-verify', requireSignatureBy: ['curve'] } as const;
    await expect(run([spec], file)).rejects.toMatchObject(failure(code, message));
  });

  it.each(['', 'IBAN;amount', '-----BEGIN PGP MESSAGE-----\n\nnonsense\n', '\u00ff\u00fe\u00ff'])(
    'the file is no OpenPGP message: %j',
    async (text) => {
      const spec = { kind: 'openpgp-decrypt', decryptWith: ['curve'] } as const;
      await expect(run([spec], Buffer.from(text, 'latin1'))).rejects.toMatchObject({
        code: expect.stringMatching(/damaged|unsupported/),
      });
    },
  );
});

it('bounds what a message may expand to', async () => {
  const bomb = await gpg.run(['--recipient', 'curve', '-z', '9', '--encrypt'], Buffer.alloc(20 * 1024 ** 2));
  const spec = { kind: 'openpgp-decrypt', decryptWith: ['curve'] } as const;
  await expect(run([spec], bomb)).rejects.toMatchObject(failure('too-large', /bomb/));
  await expect(transform([spec], bomb, { keys, limits: { maxBytes: 1000 } })).rejects.toMatchObject({
    code: 'too-large',
  });
});

it('reads messages in pieces of any size', async () => {
  const encrypted = await gpg.run(
    ['--armor', '--recipient', 'curve', '--encrypt'],
    content.subarray(0, 5000),
  );
  for (const size of [1, 7, 100]) {
    const { output } = await transform(
      [{ kind: 'openpgp-decrypt', decryptWith: ['curve'] }],
      inPieces(encrypted, size),
      {
        keys,
      },
    );
    expect(output.equals(content.subarray(0, 5000))).toBe(true);
  }
});
