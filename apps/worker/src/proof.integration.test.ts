import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRun, openDatabase } from '@waybill/db';
import {
  type Actor,
  defaultRetryPolicy,
  type Id,
  newId,
  rootPath,
  type SftpSettings,
  type Verification,
} from '@waybill/domain';
import {
  addHostKey,
  composeReceipt,
  createEndpoint,
  createTransfer,
  registerWorker,
  setCredential,
  triggerRun,
  updateEndpoint,
} from '@waybill/operations';
import { openQueueSystem } from '@waybill/queue';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { createLogger } from '@waybill/telemetry';
import { createTestDatabase } from '@waybill/testkit';
import type { AccountServer } from '@waybill/testkit/account-server';
import { startDropbear } from '@waybill/testkit/dropbear';
import { startProftpd } from '@waybill/testkit/proftpd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executeAttempt } from './execute-attempt.js';

const actor: Actor = { kind: 'system', name: 'test' };
const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the test'));
const log = createLogger({ name: 'test', level: 'silent' });

const releases: (() => Promise<unknown>)[] = [];
let attempts: Awaited<ReturnType<typeof openAttempts>>;
let outbox: string;

beforeAll(async () => {
  attempts = await openAttempts();
  outbox = await mkdtemp(join(tmpdir(), 'waybill-outbox-'));
  releases.push(() => rm(outbox, { recursive: true }));
  await writeFile(join(outbox, 'statement.csv'), 'a;b;c');
});
afterAll(async () => {
  for (const release of releases.reverse()) await release();
});

/** Executes runs as a worker does. */
async function openAttempts() {
  const home = await createTestDatabase();
  releases.push(() => home.drop());
  const database = openDatabase({ url: home.url });
  releases.push(() => database.close());
  const queue = await openQueueSystem({ databaseUrl: home.url }, { log: () => {} });
  releases.push(() => queue.close());
  const workerId = newId();
  const worker = { name: 'w', pools: ['default'], host: 'localhost', pid: 1, concurrency: 1 };
  await registerWorker(database, { id: workerId, ...worker });
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
    context: { database, actor },
    execute: (runId: Id) =>
      executeAttempt(parts, { runId, epoch: 1 }, new AbortController().signal).then(() =>
        findRun(database, runId),
      ),
  };
}

function settingsOf({ host, port, username, root }: AccountServer): SftpSettings {
  return {
    ...{ kind: 'sftp', host, port, username, root },
    ...{ connectTimeoutMs: 20_000, operationTimeoutMs: 20_000, keepaliveMs: 10_000 },
  };
}

/** A push of one file to the server: its run, and the lines of its receipt. */
async function push(
  server: AccountServer,
  { minimum, later }: { readonly minimum?: Verification; readonly later?: Verification },
  verification?: Verification,
) {
  const { context, execute } = attempts;
  const name = `e-${newId()}`;
  const settings = { ...settingsOf(server), ...(minimum && { minimumAssurance: minimum }) };
  const target = await createEndpoint(context, { name, settings });
  await addHostKey(context, name, server.hostKey);
  await setCredential(context, name, { kind: 'private-key', privateKey: server.privateKey }, vault);
  const source = await createEndpoint(context, {
    name: `${name}-outbox`,
    settings: { kind: 'local', root: outbox },
  });
  const transfer = await createTransfer(context, {
    name,
    definition: {
      source: { endpointId: source.id, directory: rootPath, include: ['*'], exclude: [] },
      target: { endpointId: target.id, directory: rootPath },
      ...{ disposition: { kind: 'keep' }, conflict: 'replace', concurrency: 1, retry: defaultRetryPolicy },
      ...(verification && { verification }),
    },
  });
  if (later) await updateEndpoint(context, name, { settings: { ...settings, minimumAssurance: later } });
  const { run } = await triggerRun(context, { transferId: transfer.id });
  const ended = await execute(run.id);
  const { deliveries } = await composeReceipt(context.database, run.id);
  return { run: ended, deliveries };
}

describe('a run to a server that has check-file', () => {
  let server: AccountServer;
  beforeAll(async () => {
    server = await startProftpd();
    releases.push(() => server.stop());
  });

  it('ends with a receipt that says remote-hash, where the endpoint requires it', async () => {
    const { run, deliveries } = await push(server, { minimum: 'remote-hash' });
    expect(run).toMatchObject({ state: 'succeeded' });
    expect(deliveries).toMatchObject([{ targetPath: 'statement.csv', assurance: 'remote-hash' }]);
  });

  it('says what was asked for where that is less, and enough', async () => {
    expect((await push(server, {}, 'size')).deliveries).toMatchObject([{ assurance: 'size' }]);
    expect((await push(server, {}, 'read-back')).deliveries).toMatchObject([{ assurance: 'remote-hash' }]);
  });

  it('fails before anything is sent if the endpoint has come to require more than the transfer asks for', async () => {
    const { run, deliveries } = await push(server, { later: 'read-back' }, 'size');
    expect(run).toMatchObject({
      state: 'failed',
      failure: { code: 'misconfigured', message: expect.stringContaining('"read-back"') },
    });
    expect(deliveries).toEqual([]);
  });
});

it('a run to a server that has none is unproven where the endpoint requires it, and nothing is left there', async () => {
  const server = await startDropbear();
  releases.push(() => server.stop());
  const { run, deliveries } = await push(server, { minimum: 'remote-hash' });
  expect(run).toMatchObject({
    state: 'failed',
    failure: { code: 'unproven', message: expect.stringContaining('the server has no check-file') },
  });
  expect(deliveries).toEqual([]);
  expect((await readdir(server.directory)).filter((name) => !name.startsWith('.ssh'))).toEqual([]);
});
