import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Gnupg, startGnupg } from '@waybill/testkit/gnupg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Json } from './support/api.js';
import { Cleanup } from './support/cleanup.js';
import { defineExchange, type Exchange } from './support/exchange.js';
import { type Fleet, startFleet } from './support/fleet.js';
import { waybill } from './support/waybill.js';

const cleanup = new Cleanup();
let fleet: Fleet & AsyncDisposable;
let exchange: Exchange & AsyncDisposable;
let gpg: Gnupg;
let secrets: string;

beforeAll(async () => {
  gpg = await startGnupg();
  cleanup.defer(() => gpg[Symbol.asyncDispose]());
  secrets = await mkdtemp(join(tmpdir(), 'waybill-keys-'));
  cleanup.defer(() => rm(secrets, { recursive: true, force: true }));
  fleet = await startFleet('postgresql');
  cleanup.defer(() => fleet[Symbol.asyncDispose]());
  exchange = await defineExchange(fleet.api);
  cleanup.defer(() => exchange[Symbol.asyncDispose]());
  for (const user of ['ours', 'partner', 'stranger'])
    await gpg.run([
      '--passphrase',
      user,
      '--quick-gen-key',
      `${user}@example.com`,
      'default',
      'default',
      'never',
    ]);
});
afterAll(() => cleanup[Symbol.asyncDispose]());

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `waybill openpgp-key import`, as an operator does it. */
async function importKey(name: string, user: string, part: 'public' | 'private'): Promise<string> {
  const file = join(secrets, name);
  const passphrase = join(secrets, `${name}.passphrase`);
  const how = part === 'public' ? ['--export'] : ['--passphrase', user, '--export-secret-keys'];
  await writeFile(file, await gpg.run(['--armor', ...how, `${user}@example.com`]));
  await writeFile(passphrase, user);
  const locked = part === 'private' ? ['--passphrase-file', passphrase] : [];
  const { exitCode, stdout, stderr } = await waybill(fleet.api, [
    ...['openpgp-key', 'import', name, '--file', file],
    ...locked,
  ]);
  expect(exitCode, stderr).toBe(0);
  return stdout;
}

async function run(name: string, direction: 'push' | 'pull', file: string, transforms: Json): Promise<Json> {
  const source = {
    endpointId: direction === 'push' ? 'ours' : 'acme-sftp',
    directory: 'out',
    include: [file],
  };
  await exchange.define(name, direction, { definition: { source, transforms } });
  return await fleet.api.settled((await fleet.api.run(name)).id);
}

it('what is pushed encrypted and signed opens with GnuPG at the partner, and the receipt tells all steps', async () => {
  expect(await importKey('ours', 'ours', 'private')).toMatch(/private/i);
  await importKey('acme', 'partner', 'public');
  const text = 'Überweisung;100\n'.repeat(50_000);
  await writeFile(join(exchange.local, 'out', 'day.csv'), text);
  const pushed = await run('push-encrypted', 'push', 'day.csv', [
    { kind: 'charset', from: 'utf-8', to: 'iso-8859-15' },
    { kind: 'gzip' },
    { kind: 'openpgp-encrypt', recipients: ['acme'], signWith: 'ours' },
  ]);
  expect(pushed.state).toBe('succeeded');

  const arrived = join(exchange.remote, 'in', 'day.csv.gz.pgp');
  const status = join(secrets, 'status');
  const opened = await gpg.run(['--passphrase', 'partner', '--status-file', status, '--decrypt', arrived]);
  expect(gunzipSync(opened).toString('latin1')).toBe(text);
  expect(await readFile(status, 'utf8')).toMatch(/GOODSIG .*ours@example.com/);

  const { receipt } = await fleet.api.get(`/runs/${pushed.id}/receipt`);
  const [line] = receipt.deliveries;
  expect(line.sourceSha256).toBe(sha256(Buffer.from(text)));
  expect(line.sha256).toBe(sha256(await readFile(arrived)));
  expect(line.transforms.map(({ kind }: Json) => kind)).toEqual(['charset', 'gzip', 'openpgp-encrypt']);
  expect(line.transforms[2].sha256).toBe(line.sha256);
  expect(line.transforms[1].sha256).toBe(sha256(opened));
});

it('what GnuPG made is pulled, decrypted and its signature checked; one of somebody else is not delivered', async () => {
  await importKey('acme-signing', 'partner', 'public');
  const plain = Buffer.from('account;amount\n1;2\n'.repeat(10_000));
  const make = async (name: string, signer: string) => {
    const out = join(exchange.remote, 'out', name);
    const how = ['--passphrase', signer, '-u', `${signer}@example.com`, '-r', 'ours@example.com'];
    await gpg.run([...how, '--output', out, '--sign', '--encrypt'], plain);
  };
  await make('good.csv.pgp', 'partner');
  await make('bad.csv.pgp', 'stranger');
  const transforms = [
    { kind: 'openpgp-decrypt', decryptWith: ['ours'], requireSignatureBy: ['acme-signing'] },
  ];

  expect((await run('pull-good', 'pull', 'good*', transforms)).state).toBe('succeeded');
  expect(await readFile(join(exchange.local, 'in', 'good.csv'))).toEqual(plain);

  const refused = await run('pull-bad', 'pull', 'bad*', transforms);
  expect(refused).toMatchObject({ state: 'failed', failure: { code: 'transform-failed', owner: 'partner' } });
  expect(refused.failure.message).toMatch(/signature-invalid/);
  expect(await readdir(join(exchange.local, 'in'))).toEqual(['good.csv']);
});

it('keys are refused where they can’t be used, kept while they are named, and never shown', async () => {
  const refused = async (transforms: Json) => {
    const { status, json } = await fleet.api.raw('POST', '/transfers', {
      name: 'refused',
      definition: {
        source: { endpointId: 'ours', directory: 'out' },
        target: { endpointId: 'acme-sftp', directory: 'in' },
        transforms,
      },
    });
    return [status, json.errors[0].pointer];
  };
  expect(await refused([{ kind: 'openpgp-decrypt', decryptWith: ['acme'] }])).toEqual([
    422,
    '/definition/transforms/0/decryptWith/0',
  ]);
  expect(await refused([{ kind: 'gzip' }, { kind: 'openpgp-encrypt', recipients: ['nobody'] }])).toEqual([
    422,
    '/definition/transforms/1/recipients/0',
  ]);
  expect((await refused([{ kind: 'rot13' }]))[0]).toBe(422);

  const kept = await waybill(fleet.api, ['openpgp-key', 'remove', 'acme']);
  expect(kept.exitCode).toBe(7);
  expect(kept.stderr).toMatch(/push-encrypted/);
  await importKey('spare', 'stranger', 'public');
  expect((await waybill(fleet.api, ['openpgp-key', 'remove', 'spare'])).exitCode).toBe(0);

  const shown = await waybill(fleet.api, ['openpgp-key', 'export', 'ours']);
  expect(shown.stdout).toMatch(/BEGIN PGP PUBLIC KEY/);
  expect(JSON.stringify(await fleet.api.get('/openpgp-keys/ours'))).not.toMatch(/PRIVATE KEY/);
});
