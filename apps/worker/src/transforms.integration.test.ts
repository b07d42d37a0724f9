import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { findRun, listAuditEvents, listDeliveries } from '@waybill/db';
import {
  defaultRetryPolicy,
  newId,
  parsePath,
  rootPath,
  type TransferDefinition,
  type TransformSpec,
} from '@waybill/domain';
import {
  claimRun,
  composeReceipt,
  createTransfer,
  importOpenPgpKey,
  removeOpenPgpKey,
  triggerRun,
  updateTransfer,
} from '@waybill/operations';
import { openMemoryEndpoint, type StorageEndpoint, StorageError } from '@waybill/storage';
import { type Fault, faulty } from '@waybill/storage/faulty';
import { startDropbear } from '@waybill/testkit/dropbear';
import { type Gnupg, startGnupg } from '@waybill/testkit/gnupg';
import { runTransfer } from '@waybill/transfer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeZip } from '../../../packages/transforms/src/testing/make-zip.js';
import { databaseJournal } from './database-journal.js';
import { executeAttempt } from './execute-attempt.js';
import { keysOnRecord, transformsOpener } from './open-transforms.js';
import { openWorkerAtWork, type WorkerAtWork } from './testing/worker-at-work.js';

const PASSPHRASE = 'correct horse';
const content = Buffer.from('IBAN;amount\nDE02;12,50 €\n'.repeat(4_000));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let worker: WorkerAtWork;
let gpg: Gnupg;
let exchange: Awaited<ReturnType<typeof openExchange>>;
const fingerprints: Record<string, string> = {};

beforeAll(async () => {
  worker = await openWorkerAtWork();
  gpg = await startGnupg();
  worker.defer(async () => gpg[Symbol.asyncDispose]());
  exchange = await openExchange();
  const { context, vault } = exchange;
  for (const [name, passphrase] of [
    ['ours', PASSPHRASE],
    ['acme', ''],
    ['stranger', ''],
  ] as const) {
    const unlock = ['--passphrase', passphrase];
    await gpg.run([
      ...unlock,
      '--quick-generate-key',
      `${name} <${name}@bank.example>`,
      'ed25519',
      'sign',
      '2y',
    ]);
    const listed = (await gpg.run(['--with-colons', '--list-keys', name])).toString();
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listed)?.[1] ?? '';
    fingerprints[name] = fingerprint;
    await gpg.run([...unlock, '--quick-add-key', fingerprint, 'cv25519', 'encr', '2y']);
    const option = name === 'ours' ? '--export-secret-keys' : '--export';
    const armored = (await gpg.run([...unlock, '--armor', option, name])).toString();
    await importOpenPgpKey(context, { name, armored, ...(name === 'ours' && { passphrase }) }, vault);
  }
});
afterAll(() => worker[Symbol.asyncDispose]());

/** A directory of ours, and a partner's server. */
async function openExchange() {
  const { context, database, vault, workerId, parts } = worker;
  const server = await startDropbear();
  worker.defer(() => server.stop());
  const directory = await worker.directory();
  const theirs = await worker.account('acme-sftp', server);
  const ours = await worker.local('ours', directory);
  return {
    ...{ context, database, vault, workerId, ours, theirs },
    ...{ oursAt: directory, theirsAt: server.directory },
    async execute(runId: string) {
      await executeAttempt(parts, { runId, epoch: 1 }, new AbortController().signal);
      return await findRun(database, runId);
    },
  };
}

/** A run over a place of its own on both sides. */
async function transfer(
  direction: 'push' | 'pull',
  transforms: readonly TransformSpec[],
  files: Record<string, Uint8Array>,
  change: { readonly targetName?: string } = {},
) {
  const { context, database, ours, theirs, oursAt, theirsAt, execute } = exchange;
  const name = `t-${newId()}`;
  const from = direction === 'push' ? { endpoint: ours, at: oursAt } : { endpoint: theirs, at: theirsAt };
  const to = direction === 'push' ? { endpoint: theirs, at: theirsAt } : { endpoint: ours, at: oursAt };
  for (const side of [from, to]) await mkdir(join(side.at, name));
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(from.at, name, file), bytes);
  const { id } = await createTransfer(context, {
    name,
    definition: {
      source: {
        ...{ endpointId: from.endpoint.id, directory: parsePath(name), include: ['*'], exclude: [] },
        selection: { settleMs: 0 },
      },
      target: { endpointId: to.endpoint.id, directory: parsePath(name), name: change.targetName },
      transforms,
      ...{ disposition: { kind: 'delete' }, conflict: 'replace', concurrency: 1, retry: defaultRetryPolicy },
    },
  });
  const { run } = await triggerRun(context, { transferId: id });
  const ended = await execute(run.id);
  const { items: deliveries } = await listDeliveries(database, { limit: 100 }, { runId: run.id });
  return {
    ...{ id, name, run: ended, deliveries, receipt: await composeReceipt(database, run.id) },
    arrived: (file: string) => readFile(join(to.at, name, file)),
    atTarget: await readdir(join(to.at, name)),
    atSource: await readdir(join(from.at, name)),
  };
}

describe('a push that encrypts and signs', () => {
  it('delivers what GnuPG decrypts and verifies, and says in its receipt what it was made of', async () => {
    const specs = [{ kind: 'openpgp-encrypt', recipients: ['acme'], signWith: 'ours' }] as const;
    const { run, receipt, arrived, atTarget, atSource, deliveries } = await transfer('push', specs, {
      'day.csv': content,
    });
    expect(run).toMatchObject({ state: 'succeeded', bytesMoved: content.length });
    expect([atTarget, atSource]).toEqual([['day.csv.pgp'], []]);
    const encrypted = await arrived('day.csv.pgp');
    const status = join(gpg.directory, 'status');
    const decrypted = await gpg.run(['--status-file', status, '--decrypt'], encrypted);
    expect(decrypted.equals(content)).toBe(true);
    expect(await readFile(status, 'utf8')).toMatch(/GOODSIG .* ours <ours@bank.example>/);

    const line = { size: encrypted.length, sha256: sha256(encrypted) };
    const source = { sourceSize: content.length, sourceSha256: sha256(content) };
    const transforms = [{ kind: 'openpgp-encrypt', bytes: line.size, sha256: line.sha256 }];
    expect(receipt.deliveries).toEqual([
      expect.objectContaining({
        targetPath: expect.stringMatching(/day\.csv\.pgp$/),
        ...line,
        ...source,
        transforms,
      }),
    ]);
    expect(deliveries).toMatchObject([
      { size: content.length, targetSize: line.size, transformed: { stages: transforms } },
    ]);
  });
});

describe('a pull that decrypts', () => {
  const specs = [{ kind: 'openpgp-decrypt', decryptWith: ['ours'], requireSignatureBy: ['acme'] }] as const;
  const fromGpg = (...options: string[]) =>
    gpg.run(['--passphrase', '', ...options, '--recipient', 'ours', '--encrypt'], content);

  it('delivers what a partner has signed, and names the key', async () => {
    const file = await fromGpg('--sign', '--local-user', 'acme');
    const { run, receipt, arrived, atTarget } = await transfer('pull', specs, { 'day.csv.gpg': file });
    expect(run).toMatchObject({ state: 'succeeded' });
    expect(atTarget).toEqual(['day.csv']);
    expect((await arrived('day.csv')).equals(content)).toBe(true);
    expect(receipt.deliveries).toMatchObject([
      {
        ...{ size: content.length, sha256: sha256(content), sourceSha256: sha256(file) },
        transforms: [{ kind: 'openpgp-decrypt', signedBy: fingerprints.acme }],
      },
    ]);
  });

  it.each([
    ['by somebody else', ['--sign', '--local-user', 'stranger'], 'signature-invalid'],
    ['by nobody', [], 'signature-missing'],
  ])('delivers nothing that is signed %s, and leaves it at the source', async (_who, options, code) => {
    const { run, atTarget, atSource, deliveries } = await transfer('pull', specs, {
      'day.csv.gpg': await fromGpg(...options),
    });
    const failure = { code: 'transform-failed', message: expect.stringContaining(code) };
    expect(run).toMatchObject({ state: 'failed', failure });
    expect(deliveries).toMatchObject([{ state: 'failed', failure }]);
    expect([atTarget, atSource]).toEqual([[], ['day.csv.gpg']]);
  });

  it('delivers nothing that was altered or cut short', async () => {
    const file = await fromGpg('--sign', '--local-user', 'acme', '--compress-algo', 'none');
    const altered = Buffer.from(file);
    altered[file.length >> 1] = (altered[file.length >> 1] ?? 0) ^ 1;
    const files = { 'altered.gpg': altered, 'cut.gpg': file.subarray(0, -100), 'whole.gpg': file };
    const { run, atTarget, deliveries } = await transfer('pull', specs, files);
    expect(run).toMatchObject({ state: 'partial' });
    expect(atTarget).toEqual(['whole']);
    expect(deliveries.map(({ failure }) => failure?.message.split(':')[0])).toEqual([
      'damaged',
      'damaged',
      undefined,
    ]);
  });
});

it('packs and converts in a chain, and undoes it on the way back', async () => {
  const there: TransformSpec[] = [
    { kind: 'charset', from: 'utf-8', to: 'iso-8859-15' },
    { kind: 'line-ends', to: 'crlf' },
    { kind: 'gzip' },
  ];
  const pushed = await transfer('push', there, { 'day.csv': content }, { targetName: 'for-acme_{name}' });
  expect(pushed.atTarget).toEqual(['for-acme_day.csv.gz']);
  const packed = await pushed.arrived('for-acme_day.csv.gz');
  const latin = Buffer.from(content.toString().replaceAll('\n', '\r\n').replaceAll('€', '¤'), 'latin1');
  expect(gunzipSync(packed).equals(latin)).toBe(true);
  expect(pushed.deliveries[0]?.transformed?.stages.map(({ kind }) => kind)).toEqual([
    'charset',
    'line-ends',
    'gzip',
  ]);

  const back: TransformSpec[] = [
    { kind: 'gunzip' },
    { kind: 'line-ends', to: 'lf' },
    { kind: 'charset', from: 'iso-8859-15', to: 'utf-8' },
  ];
  const pulled = await transfer('pull', back, { 'day.csv.gz': packed });
  expect((await pulled.arrived('day.csv')).equals(content)).toBe(true);
});

it('refuses archives that lead out of the directory and bombs, and delivers the files beside them', async () => {
  const bomb = makeZip([{ name: 'bomb', content: '0'.repeat(64 * 1024 * 1024) }]);
  const files = {
    'bomb.zip': bomb,
    'good.zip': makeZip([{ name: 'day.csv', content: 'a;b' }]),
    'slip.zip': makeZip([{ name: '../../.ssh/authorized_keys', content: 'ssh-ed25519 AAAA' }]),
  };
  const { run, atTarget, atSource, deliveries } = await transfer('pull', [{ kind: 'unzip' }], files);
  expect(run).toMatchObject({ state: 'partial', filesDelivered: 1, filesFailed: 2 });
  expect([atTarget, atSource]).toEqual([['good'], ['bomb.zip', 'slip.zip']]);
  expect(deliveries.map(({ failure }) => failure?.message.split(':')[0])).toEqual([
    'too-large',
    undefined,
    'unsafe-name',
  ]);
});

it('says where a file is damaged whose turn it is: the side that it came from', async () => {
  const damaged = gzipSync(content).subarray(0, -1);
  const specs = [{ kind: 'gunzip' }] as const;
  const pulled = await transfer('pull', specs, { 'a.gz': damaged });
  expect(pulled.run?.failure).not.toHaveProperty('owner', 'us');
  const pushed = await transfer('push', specs, { 'a.gz': damaged });
  expect(pushed.run?.failure).toMatchObject({ code: 'transform-failed', owner: 'us' });
});

it('an attempt that takes over after the rename knows from the records what the file was made of', async () => {
  const { context, database, vault, ours, theirs, workerId } = exchange;
  const definition: TransferDefinition = {
    source: { endpointId: ours.id, directory: parsePath('in'), include: ['*'], exclude: [] },
    target: { endpointId: theirs.id, directory: parsePath('out') },
    transforms: [{ kind: 'openpgp-encrypt', recipients: ['acme'] }, { kind: 'gzip' }],
    ...{ disposition: { kind: 'delete' }, conflict: 'fail', concurrency: 1, retry: defaultRetryPolicy },
  };
  const { id: transferId } = await createTransfer(context, { name: `t-${newId()}`, definition });
  const { run } = await triggerRun(context, { transferId });
  const claim = await claimRun(context, { runId: run.id, epoch: run.epoch, workerId, leaseMs: 60_000 });
  if (claim.kind !== 'claimed') throw new Error(`the run was ${claim.kind}`);
  const source = openMemoryEndpoint();
  source.seed('in/day.csv', content, new Date('2026-01-01'));
  const target = openMemoryEndpoint();
  const attempt = (at: StorageEndpoint) =>
    runTransfer({
      ...{ definition, source, target: at, journal: databaseJournal(database, claim.fence) },
      openTransforms: transformsOpener(definition.transforms, undefined, keysOnRecord(database, vault)),
      ...{ signal: new AbortController().signal, lastAttempt: false },
    });

  const lost = new StorageError('connection-lost', 'the line was cut');
  const cut = faulty(target, [
    { on: 'move', effect: { kind: 'loses-reply' } },
    ...[2, 3].map((call): Fault => ({ on: 'stat', call, effect: { kind: 'fails', error: lost } })),
  ]);
  await expect(attempt(cut)).rejects.toMatchObject({ code: 'connection-lost' });
  expect(target.paths()).toEqual(['out/day.csv.pgp.gz']);
  expect(await attempt(target)).toMatchObject({ state: 'succeeded' });
  const arrived = target.content('out/day.csv.pgp.gz') ?? Buffer.of();
  const { items } = await listDeliveries(database, { limit: 10 }, { runId: run.id });
  expect(items).toMatchObject([
    {
      ...{ state: 'delivered', disposed: true, size: content.length },
      ...{ targetSize: arrived.length, sha256: sha256(arrived) },
      transformed: {
        sourceSha256: sha256(content),
        stages: [
          { kind: 'openpgp-encrypt' },
          { kind: 'gzip', bytes: arrived.length, sha256: sha256(arrived) },
        ],
      },
    },
  ]);
  expect(source.paths()).toEqual([]);
});

describe('an OpenPGP key', () => {
  const define = (transforms: readonly TransformSpec[]) => {
    const { context, ours, theirs } = exchange;
    return createTransfer(context, {
      name: `t-${newId()}`,
      definition: {
        source: { endpointId: ours.id, directory: rootPath, include: ['*'], exclude: [] },
        target: { endpointId: theirs.id, directory: rootPath },
        transforms,
        ...{ disposition: { kind: 'keep' }, conflict: 'replace', concurrency: 1, retry: defaultRetryPolicy },
      },
    });
  };

  it.each<[string, TransformSpec, string, RegExp]>([
    ['is missing', { kind: 'openpgp-encrypt', recipients: ['acme', 'nobody'] }, 'recipients/1', /import it/],
    ['has no private part here', { kind: 'openpgp-sign', signWith: 'acme' }, 'signWith', /public part/],
    ['cannot decrypt', { kind: 'openpgp-decrypt', decryptWith: ['acme'] }, 'decryptWith/0', /can't decrypt/],
  ])('that %s is refused when a transfer is defined', async (_what, spec, member, message) => {
    await expect(define([{ kind: 'gzip' }, spec])).rejects.toMatchObject({
      ...{ code: 'invalid', field: `/definition/transforms/1/${member}` },
      message: expect.stringMatching(message),
    });
  });

  it('stays while a current version names it, and its private part is nowhere to be read', async () => {
    const { context, database, vault } = exchange;
    const armored = (
      await gpg.run(['--passphrase', '', '--armor', '--export-secret-keys', 'stranger'])
    ).toString();
    const key = await importOpenPgpKey(context, { name: 'leaving', armored }, vault);
    const { id } = await define([{ kind: 'openpgp-sign', signWith: 'leaving' }]);
    const definition = (await define([{ kind: 'gzip' }])).definition;
    await expect(removeOpenPgpKey(context, 'leaving')).rejects.toMatchObject({ code: 'conflict' });
    await updateTransfer(context, id, { definition });
    await removeOpenPgpKey(context, 'leaving');

    const { items } = await listAuditEvents(database, { limit: 10 }, { subjectId: key.id });
    expect(items.map(({ type }) => type)).toEqual(['openpgp-key.removed', 'openpgp-key.imported']);
    const rows = await database.prisma.openPgpKey.findMany();
    const [secretLine = ''] = armored.split('\n').slice(3);
    for (const text of [JSON.stringify(rows), JSON.stringify(items), JSON.stringify(key)])
      expect(text).not.toContain(secretLine);
  });

  it('that is gone from under a run fails its files, as ours to put right', async () => {
    const { context, vault, ours, theirs, execute, oursAt } = exchange;
    const armored = (await gpg.run(['--armor', '--export', 'stranger'])).toString();
    await importOpenPgpKey(context, { name: 'going', armored }, vault);
    const directory = parsePath(`d-${newId()}`);
    await mkdir(join(oursAt, directory));
    await writeFile(join(oursAt, directory, 'a'), 'a');
    const transforms = [{ kind: 'openpgp-encrypt', recipients: ['going'] }] as const;
    const plain = {
      source: { endpointId: ours.id, directory, include: ['*'], exclude: [] },
      target: { endpointId: theirs.id, directory: rootPath },
      ...({
        disposition: { kind: 'keep' },
        conflict: 'replace',
        concurrency: 1,
        retry: defaultRetryPolicy,
      } as const),
    };
    const { id } = await createTransfer(context, {
      name: `t-${newId()}`,
      definition: { ...plain, transforms },
    });
    const { run } = await triggerRun(context, { transferId: id });
    await updateTransfer(context, id, { definition: plain });
    await removeOpenPgpKey(context, 'going');
    expect(await execute(run.id)).toMatchObject({
      state: 'failed',
      failure: { code: 'transform-failed', owner: 'us', message: expect.stringContaining('no-key') },
    });
  });
});
