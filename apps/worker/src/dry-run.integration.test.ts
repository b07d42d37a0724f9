import { lstat, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deleteBreaker, type EndpointCheck, findEndpointCheck, saveBreaker } from '@waybill/db';
import {
  defaultRetryPolicy,
  type EndpointCheckKind,
  type EndpointCheckReport,
  newId,
  parsePath,
  type TransferDefinition,
} from '@waybill/domain';
import {
  claimCheck,
  createEndpoint,
  createTransfer,
  type RequestedCheck,
  requestDryRun,
  requestExplanation,
  triggerRun,
  updateTransfer,
} from '@waybill/operations';
import { startOpenSsh } from '@waybill/testkit/openssh';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { executeAttempt } from './execute-attempt.js';
import { executeCheck } from './execute-check.js';
import { openWorkerAtWork, type WorkerAtWork } from './testing/worker-at-work.js';

let worker: WorkerAtWork;
let exchange: Awaited<ReturnType<typeof openExchange>>;

beforeAll(async () => {
  worker = await openWorkerAtWork();
  exchange = await openExchange();
});
afterAll(() => worker[Symbol.asyncDispose]());

/** An inbox of ours, and a partner's OpenSSH with files of an hour ago, of now, and a directory. */
async function openExchange() {
  const { context, database, workerId, parts } = worker;
  const server = await startOpenSsh();
  worker.defer(() => server.stop());
  const inbox = await worker.directory();

  const out = join(server.root, 'out');
  await mkdir(join(out, 'old'), { recursive: true });
  const hourAgo = new Date(Date.now() - 3_600_000);
  for (const name of ['a.csv', 'a.csv.ok', 'b.csv', 'notes.txt', 'old/c.csv']) {
    await writeFile(join(out, name), name);
    await utimes(join(out, name), hourAgo, hourAgo);
  }

  const theirs = await worker.account('acme-sftp', server);
  const ours = await worker.local('inbox', inbox);
  const { signal } = new AbortController();
  return {
    ...{ context, database, theirs, ours, out, inbox },
    run: async (transferId: string) => {
      const { run } = await triggerRun(context, { transferId });
      await executeAttempt(parts, { runId: run.id, epoch: 1 }, signal);
    },
    /** Does what a worker does, for the check that is the only one. */
    async carryOut({ check }: RequestedCheck): Promise<EndpointCheck> {
      const claim = await claimCheck(context, { workerId, pools: ['default'] });
      await executeCheck(parts, claim ?? expect.unreachable('there was no check to claim'), signal);
      return (await findEndpointCheck(database, check.id)) ?? expect.unreachable('the check is gone');
    },
  };
}

function definitionOf(source: Partial<TransferDefinition['source']> = {}): TransferDefinition {
  const { theirs, ours } = exchange;
  return {
    source: {
      ...{ endpointId: theirs.id, directory: parsePath('out'), include: ['*.csv'], exclude: [] },
      ...source,
    },
    target: { endpointId: ours.id, directory: parsePath('in'), name: 'new_{name}' },
    ...{ disposition: { kind: 'keep' }, conflict: 'replace', concurrency: 2, retry: defaultRetryPolicy },
  };
}

async function aTransfer(source?: Partial<TransferDefinition['source']>): Promise<string> {
  const definition = definitionOf(source);
  return (await createTransfer(exchange.context, { name: `t-${newId()}`, definition })).name;
}

function reportOf<K extends EndpointCheckKind>(kind: K, { report, failure }: EndpointCheck) {
  if (report?.kind !== kind) throw new Error(`no ${kind}: ${failure?.message}`);
  return report as Extract<EndpointCheckReport, { kind: K }>;
}

async function explainedAll(path: string, transfer?: string) {
  const { context, carryOut } = exchange;
  const request = { endpoint: 'acme-sftp', path: parsePath(path), transfer };
  return reportOf('explanation', await carryOut(await requestExplanation(context, request))).transfers;
}

async function explained(transfer: string, path: string) {
  const [explanation] = await explainedAll(path, transfer);
  return explanation ?? expect.unreachable('nothing was explained');
}

/** All that a look would show, had it changed anything: content, times, names, and what is on record. */
async function everything() {
  const { database, out, inbox } = exchange;
  const stats = async (directory: string) => {
    const names = (await readdir(directory, { recursive: true })).sort();
    return await Promise.all(
      ['.', ...names].map(async (name) => {
        const found = await lstat(join(directory, name));
        const { ino, size, mtimeMs, ctimeMs } = found;
        // A directory that is listed has been read.
        return [name, ino, size, mtimeMs, ctimeMs, found.isDirectory() ? 0 : found.atimeMs];
      }),
    );
  };
  const { prisma } = database;
  const rows = [
    prisma.run.count(),
    prisma.delivery.count(),
    prisma.deliveredFile.count(),
    prisma.attempt.count(),
  ];
  return { theirs: await stats(out), ours: await stats(inbox), rows: await Promise.all(rows) };
}

it('a dry run tells what a run would do, and changes nothing', async () => {
  const { context, carryOut } = exchange;
  const doneFile = { name: '{name}.ok', afterwards: 'remove' } as const;
  const transfer = await aTransfer({ selection: { recursive: 'mirror', doneFile } });
  const before = await everything();
  const check = await carryOut(await requestDryRun(context, transfer));
  expect(await everything()).toEqual(before);
  expect(check).toMatchObject({
    state: 'succeeded',
    endpointName: 'acme-sftp',
    transfer: { name: transfer },
  });
  const { files, counts, version, enabled } = reportOf('dry-run', check);
  expect({ version, enabled, counts }).toMatchObject({
    ...{ version: 1, enabled: true },
    counts: { move: { files: 1, bytes: 5 }, fail: { files: 0 }, leave: { files: 4 } },
  });
  expect(files.map(({ decision, path, targetPath }) => [decision, path, targetPath])).toEqual([
    ['move', 'out/a.csv', 'in/new_a.csv'],
    ['leave', 'out/b.csv', null],
    ['leave', 'out/old/c.csv', null],
    ['leave', expect.stringMatching(/a\.csv\.ok|notes\.txt/), null],
    ['leave', expect.stringMatching(/a\.csv\.ok|notes\.txt/), null],
  ]);
});

it('an explanation tells what was delivered before, by which run', async () => {
  const { database, run, theirs } = exchange;
  const transfer = await aTransfer({ include: ['b.csv'], selection: { onlyNew: true, settleMs: 0 } });
  expect((await explained(transfer, 'out/b.csv')).file).toMatchObject({ decision: 'move' });
  await run(transfer);
  const before = await everything();
  const { file, answers } = await explained(transfer, 'out/b.csv');
  expect(await everything()).toEqual(before);
  const [{ runId } = { runId: '' }] = await database.prisma.deliveredFile.findMany({
    where: { sourceEndpointId: theirs.id },
  });
  expect(file).toMatchObject({ decision: 'leave', code: 'seen', because: expect.stringContaining(runId) });
  expect(answers.find(({ question }) => question === 'new')).toMatchObject({ answer: 'no' });
});

it('an explanation tells it of each transfer that reads there, and a directory that is gone spoils none', async () => {
  const { out } = exchange;
  await mkdir(join(out, 'some'));
  await writeFile(join(out, 'some/x.csv'), 'x');
  const recursive = { recursive: 'flatten', settleMs: 0 } as const;
  const one = await aTransfer({ directory: parsePath('out/some') });
  const other = await aTransfer({ selection: recursive, include: ['y*'] });
  const told = (await explainedAll('out/some/x.csv')).filter(({ transferName }) =>
    [one, other].includes(transferName),
  );
  expect(new Map(told.map(({ transferName, file }) => [transferName, file?.code]))).toEqual(
    new Map([
      [one, 'selected'],
      [other, 'not-matched'],
    ]),
  );
  await rm(join(out, 'some'), { recursive: true });
  expect(await explained(one, 'out/some/x.csv')).toMatchObject({
    ...{
      file: null,
      nowhere: 'the directory cannot be listed',
      obstacle: expect.stringMatching(/^not-found: /),
    },
  });
  expect(await explained(other, 'out/some/x.csv')).toMatchObject({ obstacle: null, file: null });
});

it('leaves an endpoint alone that runs have to leave alone', async () => {
  const { context, carryOut, database, theirs } = exchange;
  const asked = await requestDryRun(context, await aTransfer());
  const failure = { code: 'authentication-failed', message: 'no' } as const;
  await saveBreaker(database, theirs.id, { state: 'open', failures: 1, openings: 1, failure });
  const { failure: found } = await carryOut(asked);
  await deleteBreaker(database, theirs.id);
  expect(found).toMatchObject({ code: 'authentication-failed', message: expect.stringMatching(/suspended/) });
});

it('waits for a file that was just written', async () => {
  const { out } = exchange;
  const transfer = await aTransfer({ include: ['fresh'], selection: { settleMs: 200 } });
  await writeFile(join(out, 'fresh'), 'half');
  const { answers } = await explained(transfer, 'out/fresh');
  expect(answers.find(({ question }) => question === 'settled')).toMatchObject({
    answer: 'yes',
    because: 'two looks have seen the same size and time',
  });
});

it('fails, and says why, where the directory is not there or the definition has changed', async () => {
  const { context, carryOut, theirs } = exchange;
  const transfer = await aTransfer({ directory: parsePath('nowhere') });
  expect(await carryOut(await requestDryRun(context, transfer))).toMatchObject({
    ...{ state: 'failed', report: undefined, failure: { code: 'not-found' } },
  });
  const asked = await requestDryRun(context, transfer);
  const { id: endpointId } = await createEndpoint(context, { name: 'moved', settings: theirs.settings });
  await updateTransfer(context, transfer, { definition: definitionOf({ endpointId }) });
  expect(await carryOut(asked)).toMatchObject({
    failure: { code: 'misconfigured', message: expect.stringContaining('another endpoint') },
  });
});

it('has not passed where a run would fail, and says so in the audit log', async () => {
  const { context, carryOut, database } = exchange;
  const transfer = await aTransfer({ selection: { settleMs: 0, expect: { min: 100 } } });
  const check = await carryOut(await requestDryRun(context, transfer));
  expect(check).toMatchObject({ state: 'failed', failure: undefined });
  expect(reportOf('dry-run', check).obstacle).toMatch(/at least 100 files are expected/);
  const event = await database.prisma.auditEvent.findFirst({ orderBy: { seq: 'desc' } });
  expect(event?.type).toBe('endpoint-check.failed');
  expect(event?.data).toContain('at least 100 files are expected');
});
