import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deliveriesOfRun, findRun, openDatabase } from '@waybill/db';
import { type Actor, defaultRetryPolicy, type Id, newId, parsePath, rootPath } from '@waybill/domain';
import {
  addHostKey,
  createEndpoint,
  createTransfer,
  forgetFiles,
  registerWorker,
  setCredential,
  triggerRun,
} from '@waybill/operations';
import { openQueueSystem } from '@waybill/queue';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { type Behaviour, behaviourOf } from '@waybill/simulator';
import { createLogger } from '@waybill/telemetry';
import { createTestDatabase } from '@waybill/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPartner } from '../../../packages/sftp/src/testing/partner.js';
import { executeAttempt } from './execute-attempt.js';

const actor: Actor = { kind: 'system', name: 'test' };
const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the test'));
const log = createLogger({ name: 'test', level: 'silent' });
const releases: (() => Promise<unknown>)[] = [];
let parts: Awaited<ReturnType<typeof openParts>>;

beforeAll(async () => {
  parts = await openParts();
});
afterAll(async () => {
  for (const release of releases.reverse()) await release();
});

async function openParts() {
  const home = await createTestDatabase();
  releases.push(() => home.drop());
  const database = openDatabase({ url: home.url });
  releases.push(() => database.close());
  const queue = await openQueueSystem({ databaseUrl: home.url }, { log: () => {} });
  releases.push(() => queue.close());
  const workerId = newId();
  const worker = { name: 'w', pools: ['default'], host: 'localhost', pid: 1, concurrency: 1 };
  await registerWorker(database, { id: workerId, ...worker });
  return {
    database,
    vault,
    log,
    signals: queue.signals,
    workerId,
    actor,
    leaseMs: 30_000,
    sweepAfterMs: 86_400_000,
  };
}

/** A pull of new files from a partner, who keeps them. */
async function aPull(...behaviours: (Behaviour | string)[]) {
  const context = { database: parts.database, actor };
  const partner = await startPartner(...behaviours);
  releases.push(async () => partner[Symbol.asyncDispose]());
  await mkdir(partner.disk('out'));
  const inbox = await mkdtemp(join(tmpdir(), 'waybill-inbox-'));
  releases.push(() => rm(inbox, { recursive: true }));
  const { port, hostKey } = partner.simulator;
  const name = `e-${newId()}`;
  const account = { kind: 'sftp', host: '127.0.0.1', port, username: 'acme', root: '' } as const;
  const patience = { connectTimeoutMs: 20_000, operationTimeoutMs: 20_000, keepaliveMs: 10_000 };
  const source = await createEndpoint(context, { name, settings: { ...account, ...patience } });
  await addHostKey(context, name, hostKey);
  await setCredential(context, name, { kind: 'password', password: 'a secret' }, vault);
  const settings = { kind: 'local', root: inbox } as const;
  const target = await createEndpoint(context, { name: `${name}-inbox`, settings });
  const transfer = await createTransfer(context, {
    name,
    definition: {
      source: {
        ...{ endpointId: source.id, directory: parsePath('out'), include: ['*'], exclude: [] },
        selection: { onlyNew: true, settleMs: 0 },
      },
      target: { endpointId: target.id, directory: rootPath },
      ...{ disposition: { kind: 'keep' }, conflict: 'replace', concurrency: 2, retry: defaultRetryPolicy },
    },
  });
  const execute = async (runId: Id) => {
    await executeAttempt(parts, { runId, epoch: 1 }, new AbortController().signal);
    const run = await findRun(parts.database, runId);
    const deliveries = await deliveriesOfRun(parts.database, runId);
    return {
      state: run?.state,
      files: Object.fromEntries(deliveries.map((file) => [file.sourcePath, file.state])),
      reasons: deliveries.map(({ skippedBecause }) => skippedBecause ?? ''),
    };
  };
  return {
    ...{ partner, inbox, transfer, context },
    run: async () => execute((await triggerRun(context, { transferId: transfer.id })).run.id),
    write: async (file: string, content: string, time = new Date()) => {
      await writeFile(partner.disk(`out/${file}`), content);
      await utimes(partner.disk(`out/${file}`), time, time);
    },
    arrived: (file: string) => readFile(join(inbox, file), 'utf8'),
  };
}

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);

describe('a pull that takes new files only', () => {
  it('takes each file once, late ones with old times too, and again what it is made to forget', async () => {
    const { run, write, context, transfer, inbox } = await aPull();
    await write('a.csv', 'a', hoursAgo(5));
    expect(await run()).toMatchObject({ state: 'succeeded', files: { 'out/a.csv': 'delivered' } });
    await write('late.csv', 'late', hoursAgo(5_000));
    expect(await run()).toMatchObject({ state: 'succeeded', files: { 'out/late.csv': 'delivered' } });
    expect(await run()).toMatchObject({ state: 'succeeded', files: {} });
    expect(await forgetFiles(context, transfer.name, 'out/a*')).toBe(1);
    expect(await run()).toMatchObject({ files: { 'out/a.csv': 'delivered' } });
    expect((await readdir(inbox)).sort()).toEqual(['a.csv', 'late.csv']);
  });

  it('takes what is written over a file within one step of a clock that tells minutes', async () => {
    const { run, write, arrived } = await aPull('mtime-in-minutes');
    const time = new Date();
    await write('a.csv', 'one', time);
    expect(await run()).toMatchObject({ files: { 'out/a.csv': 'delivered' } });
    await write('a.csv', 'two', time);
    expect(await run()).toMatchObject({ files: { 'out/a.csv': 'delivered' } });
    expect(await arrived('a.csv')).toBe('two');
    expect(await run()).toMatchObject({ files: { 'out/a.csv': 'skipped' } });
  });

  it('reads all files once more when the clock of the server jumps by an hour, and delivers none', async () => {
    const later = behaviourOf('clock-off=60');
    let summer = false;
    const clock: Behaviour = {
      serve: (request, next, channel) =>
        summer && later.serve ? later.serve(request, next, channel) : next(request),
    };
    const { run, write, inbox } = await aPull(clock);
    await write('a.csv', 'a', hoursAgo(50));
    await write('b.csv', 'b', hoursAgo(40));
    expect(await run()).toMatchObject({ files: { 'out/a.csv': 'delivered', 'out/b.csv': 'delivered' } });
    const before = await stat(join(inbox, 'a.csv'));
    summer = true;
    const jumped = await run();
    expect(jumped).toMatchObject({
      state: 'succeeded',
      files: { 'out/a.csv': 'skipped', 'out/b.csv': 'skipped' },
    });
    expect(jumped.reasons).toEqual(Array(2).fill(expect.stringMatching(/delivered the same content/)));
    expect((await stat(join(inbox, 'a.csv'))).ino).toBe(before.ino);
    expect(await run()).toMatchObject({ files: {} });
    summer = false;
    await write('c.csv', 'c', hoursAgo(30));
    expect(await run()).toMatchObject({
      files: { 'out/a.csv': 'skipped', 'out/b.csv': 'skipped', 'out/c.csv': 'delivered' },
    });
    expect((await readdir(inbox)).sort()).toEqual(['a.csv', 'b.csv', 'c.csv']);
  });
});
