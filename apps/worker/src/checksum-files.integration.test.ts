import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findRun, listDeliveries } from '@waybill/db';
import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  defaultRetryPolicy,
  newId,
  parsePath,
  type RequiredChecksumFile,
  type TransferDefinition,
  type WrittenChecksumFile,
} from '@waybill/domain';
import { claimRun, createTransfer, triggerRun } from '@waybill/operations';
import { openMemoryEndpoint, StorageError } from '@waybill/storage';
import { faulty } from '@waybill/storage/faulty';
import { startOpenSsh } from '@waybill/testkit/openssh';
import { runProgram } from '@waybill/testkit/run-program';
import { runTransfer } from '@waybill/transfer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseJournal } from './database-journal.js';
import { executeAttempt } from './execute-attempt.js';
import { openWorkerAtWork, type WorkerAtWork } from './testing/worker-at-work.js';

const content = randomBytes(300_000);
const names = ['day.csv', 'a b  c.csv', '-dash', 'back\\slash.csv', 'größe 表.csv', '*star'];

let worker: WorkerAtWork;
let exchange: Awaited<ReturnType<typeof openExchange>>;

beforeAll(async () => {
  worker = await openWorkerAtWork({ sweepAfterMs: 86_400_000 });
  exchange = await openExchange();
});
afterAll(() => worker[Symbol.asyncDispose]());

/** A directory of ours, and a partner's OpenSSH. */
async function openExchange() {
  const { context, database, workerId, parts } = worker;
  const server = await startOpenSsh();
  worker.defer(() => server.stop());
  const directory = await worker.directory();
  const theirs = await worker.account('acme-sftp', server);
  const ours = await worker.local('ours', directory);
  return {
    ...{ context, database, workerId, ours, theirs, oursAt: directory, theirsAt: server.root },
    async execute(runId: string) {
      await executeAttempt(parts, { runId, epoch: 1 }, new AbortController().signal);
      return await findRun(database, runId);
    },
  };
}

interface Sides {
  readonly required?: RequiredChecksumFile;
  readonly written?: WrittenChecksumFile;
}

function definitionOf(from: string, to: string, directory: string, sides: Sides): TransferDefinition {
  const at = parsePath(directory);
  return {
    source: {
      ...{ endpointId: from, directory: at, include: ['*'], exclude: [] },
      ...{ selection: { settleMs: 0 }, checksumFile: sides.required },
    },
    target: { endpointId: to, directory: at, checksumFile: sides.written },
    ...{ disposition: { kind: 'delete' }, conflict: 'replace', concurrency: 2, retry: defaultRetryPolicy },
  };
}

/** A run over directories of its own, which `prepare` fills at the source. */
async function transfer(
  direction: 'push' | 'pull',
  sides: Sides,
  prepare: (directory: string) => Promise<unknown>,
) {
  const { context, database, ours, theirs, oursAt, theirsAt, execute } = exchange;
  const name = `t-${newId()}`;
  const places = [
    { id: ours.id, at: join(oursAt, name) },
    { id: theirs.id, at: join(theirsAt, name) },
  ] as const;
  const [from, to] = direction === 'push' ? places : ([places[1], places[0]] as const);
  for (const { at } of places) await mkdir(at);
  await prepare(from.at);
  const { id } = await createTransfer(context, {
    name,
    definition: definitionOf(from.id, to.id, name, sides),
  });
  const { run } = await triggerRun(context, { transferId: id });
  const ended = await execute(run.id);
  const { items: deliveries } = await listDeliveries(database, { limit: 100 }, { runId: run.id });
  const listed = async (at: string) => (await readdir(at)).sort();
  return {
    ...{ run: ended, deliveries, target: to.at },
    ...{ atTarget: await listed(to.at), atSource: await listed(from.at) },
  };
}

const seed = async (directory: string) => {
  for (const name of names)
    await writeFile(join(directory, name), Buffer.concat([content, Buffer.from(name)]));
};

describe.each(checksumAlgorithms)('with %s', (algorithm) => {
  const tool = `${algorithm}sum`;

  it.each(['gnu', 'bsd'] as const)(`a push writes what ${tool} -c accepts of format %s`, async (format) => {
    const written = { name: `{name}.${algorithm}`, algorithm, format };
    const { run, target, atTarget, atSource } = await transfer('push', { written }, seed);
    expect(run).toMatchObject({ state: 'succeeded', filesDelivered: names.length });
    expect(atSource).toEqual([]);
    expect(atTarget).toEqual(names.flatMap((name) => [name, `${name}.${algorithm}`]).sort());
    for (const name of names) {
      const told = await runProgram(tool, ['--strict', '--check', '--', `${name}.${algorithm}`], {
        cwd: target,
      });
      expect(told.toString()).toMatch(/: OK\n$/);
    }
  });

  it.each(['--text', '--binary', '--tag'])(`a pull takes what ${tool} %s has written`, async (option) => {
    const required = { name: `{name}.${algorithm}`, algorithm };
    const { run, atTarget, atSource, target } = await transfer('pull', { required }, async (directory) => {
      await seed(directory);
      for (const name of names)
        await writeFile(
          join(directory, `${name}.${algorithm}`),
          await runProgram(tool, [option, '--', name], { cwd: directory }),
        );
    });
    expect(run).toMatchObject({ state: 'succeeded', filesDelivered: names.length });
    expect([atTarget, atSource]).toEqual([[...names].sort(), []]);
    const arrived = await readFile(join(target, 'day.csv'));
    expect(arrived.subarray(0, content.length).equals(content)).toBe(true);
  });
});

it('a file that is not what its checksum file names stays with the partner, and the records say why', async () => {
  const required = { name: '{name}.md5', algorithm: 'md5', graceMs: 0 } as const;
  const { run, deliveries, atTarget, atSource } = await transfer('pull', { required }, async (directory) => {
    for (const name of ['altered', 'good', 'without']) await writeFile(join(directory, name), content);
    for (const name of ['altered', 'good']) {
      const told = await runProgram('md5sum', [name], { cwd: directory });
      await writeFile(join(directory, `${name}.md5`), told);
    }
    await writeFile(join(directory, 'altered'), content.subarray(1));
    // Nobody has compared the clocks: for a minute longer nothing is overdue.
    await runProgram('touch', ['--date', '10 minutes ago', 'without'], { cwd: directory });
  });
  const code = 'checksum-mismatch';
  expect(run).toMatchObject({ state: 'partial', filesDelivered: 1, filesFailed: 2 });
  expect(deliveries).toMatchObject([
    { state: 'failed', failure: { code, message: expect.stringMatching(/names md5/) } },
    { state: 'delivered', disposed: true },
    { state: 'failed', failure: { code, message: expect.stringMatching(/is missing/) } },
  ]);
  expect([atTarget, atSource]).toEqual([['good'], ['altered', 'altered.md5', 'without']]);
});

it('an attempt that takes over knows the checksum from the records, where nobody may read the file', async () => {
  const { context, database, ours, theirs, workerId } = exchange;
  const written = { name: '{name}.md5', algorithm: 'md5' } as const;
  const definition = definitionOf(ours.id, theirs.id, 'in', { written });
  const { id: transferId } = await createTransfer(context, { name: `t-${newId()}`, definition });
  const { run } = await triggerRun(context, { transferId });
  const claim = await claimRun(context, { runId: run.id, epoch: run.epoch, workerId, leaseMs: 60_000 });
  if (claim.kind !== 'claimed') throw new Error(`the run was ${claim.kind}`);
  const source = openMemoryEndpoint();
  source.seed('in/day.csv', content, new Date('2026-01-01'));
  const target = openMemoryEndpoint();
  const attempt = (at: typeof target | ReturnType<typeof faulty>) =>
    runTransfer({
      ...{ definition, source, target: at, journal: databaseJournal(database, claim.fence) },
      ...{ signal: new AbortController().signal, lastAttempt: false },
    });

  const cut = faulty(target, [{ on: 'put', call: 2, effect: { kind: 'loses-connection', afterBytes: 0 } }]);
  await expect(attempt(cut)).rejects.toMatchObject({ code: 'connection-lost' });
  expect(target.paths().filter((path) => !path.endsWith('.part'))).toEqual(['in/day.csv']);
  expect(source.paths()).toEqual(['in/day.csv']);

  const denied = new StorageError('permission-denied', 'a drop box');
  const dropBox = faulty(target, [{ on: 'read', call: 'every', effect: { kind: 'fails', error: denied } }]);
  expect(await attempt(dropBox)).toMatchObject({ state: 'succeeded' });
  const { items } = await listDeliveries(database, { limit: 10 }, { runId: run.id });
  const checksum = createHash('md5' satisfies ChecksumAlgorithm)
    .update(content)
    .digest('hex');
  expect(items).toMatchObject([{ state: 'delivered', disposed: true, checksum }]);
  expect(target.content('in/day.csv.md5')?.toString()).toBe(`${checksum}  day.csv\n`);
  expect(source.paths()).toEqual([]);
});
