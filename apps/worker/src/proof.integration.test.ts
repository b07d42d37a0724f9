import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findRun } from '@waybill/db';
import { defaultRetryPolicy, type Id, newId, rootPath, type Verification } from '@waybill/domain';
import { composeReceipt, createTransfer, triggerRun, updateEndpoint } from '@waybill/operations';
import type { AccountServer } from '@waybill/testkit/account-server';
import { startDropbear } from '@waybill/testkit/dropbear';
import { startProftpd } from '@waybill/testkit/proftpd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executeAttempt } from './execute-attempt.js';
import { openWorkerAtWork, type WorkerAtWork } from './testing/worker-at-work.js';

let worker: WorkerAtWork;
let outbox: string;

beforeAll(async () => {
  worker = await openWorkerAtWork();
  outbox = await worker.directory();
  await writeFile(join(outbox, 'statement.csv'), 'a;b;c');
});
afterAll(() => worker[Symbol.asyncDispose]());

async function execute(runId: Id) {
  await executeAttempt(worker.parts, { runId, epoch: 1 }, new AbortController().signal);
  return await findRun(worker.database, runId);
}

/** A push of one file to the server: its run, and the lines of its receipt. */
async function push(
  server: AccountServer,
  { minimum, later }: { readonly minimum?: Verification; readonly later?: Verification },
  verification?: Verification,
) {
  const { context } = worker;
  const name = `e-${newId()}`;
  const target = await worker.account(name, server, { minimumAssurance: minimum });
  const source = await worker.local(`${name}-outbox`, outbox);
  const transfer = await createTransfer(context, {
    name,
    definition: {
      source: { endpointId: source.id, directory: rootPath, include: ['*'], exclude: [] },
      target: { endpointId: target.id, directory: rootPath },
      ...{ disposition: { kind: 'keep' }, conflict: 'replace', concurrency: 1, retry: defaultRetryPolicy },
      ...(verification && { verification }),
    },
  });
  if (later)
    await updateEndpoint(context, name, { settings: { ...target.settings, minimumAssurance: later } });
  const { run } = await triggerRun(context, { transferId: transfer.id });
  const ended = await execute(run.id);
  const { deliveries } = await composeReceipt(context.database, run.id);
  return { run: ended, deliveries };
}

describe('a run to a server that has check-file', () => {
  let server: AccountServer;
  beforeAll(async () => {
    server = await startProftpd();
    worker.defer(() => server.stop());
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
  worker.defer(() => server.stop());
  const { run, deliveries } = await push(server, { minimum: 'remote-hash' });
  expect(run).toMatchObject({
    state: 'failed',
    failure: { code: 'unproven', message: expect.stringContaining('the server has no check-file') },
  });
  expect(deliveries).toEqual([]);
  expect((await readdir(server.directory)).filter((name) => !name.startsWith('.ssh'))).toEqual([]);
});
