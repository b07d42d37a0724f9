import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@waybill/db';
import { type Actor, defaultRetryPolicy, newId, rootPath } from '@waybill/domain';
import {
  addHostKey,
  createCalendar,
  createEndpoint,
  createSchedule,
  createTransfer,
  fireDueSchedules,
  registerWorker,
  runForDate,
  setCredential,
} from '@waybill/operations';
import { openQueueSystem } from '@waybill/queue';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { createTestDatabase } from '@waybill/testkit';
import { startDropbear } from '@waybill/testkit/dropbear';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { executeAttempt } from './execute-attempt.js';

const actor: Actor = { kind: 'system', name: 'test' };
const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the test'));
const log = createLogger({ name: 'test', level: 'silent' });

const releases: (() => Promise<unknown>)[] = [];
let exchange: Awaited<ReturnType<typeof openExchange>>;
beforeAll(async () => {
  exchange = await openExchange();
});
afterAll(async () => {
  for (const release of releases.reverse()) await release();
});

/** A push of one file each evening at one minute to midnight in Berlin, and a worker. */
async function openExchange() {
  const home = await createTestDatabase();
  releases.push(() => home.drop());
  const database = openDatabase({ url: home.url });
  releases.push(() => database.close());
  const queue = await openQueueSystem({ databaseUrl: home.url }, { log: () => {} });
  releases.push(() => queue.close());
  const server = await startDropbear();
  releases.push(() => server.stop());
  const outbox = await mkdtemp(join(tmpdir(), 'waybill-outbox-'));
  releases.push(() => rm(outbox, { recursive: true }));
  await writeFile(join(outbox, 'balance.csv'), 'a;b;c');

  const context = { database, actor };
  const workerId = newId();
  const worker = { name: 'w', pools: ['default'], host: 'localhost', pid: 1, concurrency: 1 };
  await registerWorker(database, { id: workerId, ...worker });
  const { host, port, username, root } = server;
  const timeouts = { connectTimeoutMs: 20_000, operationTimeoutMs: 20_000, keepaliveMs: 10_000 };
  const target = await createEndpoint(context, {
    name: 'bank',
    settings: { kind: 'sftp', host, port, username, root, ...timeouts },
  });
  await addHostKey(context, target.id, server.hostKey);
  await setCredential(context, target.id, { kind: 'private-key', privateKey: server.privateKey }, vault);
  const source = await createEndpoint(context, { name: 'outbox', settings: { kind: 'local', root: outbox } });
  const { id: transfer } = await createTransfer(context, {
    name: 'balances',
    definition: {
      source: {
        ...{ endpointId: source.id, directory: rootPath, include: ['*'], exclude: [] },
        selection: { settleMs: 0 },
      },
      target: {
        ...{ endpointId: target.id, directory: rootPath },
        name:
          '{stem}_{date:yyyyMMdd, zone=Europe/Berlin}' +
          '_value_{date:yyyyMMdd, zone=Europe/Berlin, +1 business day}{.ext}',
      },
      ...{ disposition: { kind: 'keep' }, conflict: 'replace', concurrency: 1, retry: defaultRetryPolicy },
    },
  });
  const holidays = [{ date: '2026-11-20', title: 'Founding Day' }];
  const { id } = await createCalendar(context, { name: 'bank', holidays });
  await createSchedule(
    context,
    {
      ...{ name: 'evenings', transfer, cron: '59 23 * * *', timeZone: 'Europe/Berlin' },
      calendar: { id, rule: 'only-business-days' },
    },
    new Date('2026-11-19T12:00:00Z'),
  );
  const parts = {
    database,
    vault,
    log,
    signals: queue.signals,
    workerId,
    actor,
    leaseMs: 30_000,
    sweepAfterMs: 0,
  };
  return {
    context,
    async execute(runId = '') {
      await executeAttempt(parts, { runId, epoch: 1 }, new AbortController().signal);
      return (await readdir(server.directory)).sort();
    },
  };
}

it('names files by the due time and the calendar of the schedule, however late the run is', async () => {
  const { context, execute } = exchange;
  const now = new Date('2026-11-19T23:05:00Z');
  const [fired] = await fireDueSchedules(context, { now, limit: 1 });
  expect(fired?.dueAt).toEqual(new Date('2026-11-19T22:59:00Z'));
  expect(await execute(fired?.runId)).toContain('balance_20261119_value_20261123.csv');
});

it('names files by the date that a run is made for', async () => {
  const { context, execute } = exchange;
  const { runs } = await runForDate(
    context,
    'evenings',
    { date: '2026-11-17' },
    new Date('2026-11-25T12:00Z'),
  );
  expect(await execute(runs[0]?.id)).toContain('balance_20261117_value_20261118.csv');
});
