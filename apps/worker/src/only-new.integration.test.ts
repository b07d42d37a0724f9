import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deliveriesOfRun, findRun } from '@waybill/db';
import { defaultRetryPolicy, type Id, newId, parsePath, rootPath } from '@waybill/domain';
import { createTransfer, forgetFiles, triggerRun } from '@waybill/operations';
import { type Behaviour, behaviourOf } from '@waybill/simulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPartner } from '../../../packages/sftp/src/testing/partner.js';
import { executeAttempt } from './execute-attempt.js';
import { openWorkerAtWork, type WorkerAtWork } from './testing/worker-at-work.js';

let worker: WorkerAtWork;

beforeAll(async () => {
  worker = await openWorkerAtWork({ sweepAfterMs: 86_400_000 });
});
afterAll(() => worker[Symbol.asyncDispose]());

/** A pull of new files from a partner, who keeps them. */
async function aPull(...behaviours: (Behaviour | string)[]) {
  const { context, database, parts } = worker;
  const partner = await startPartner(...behaviours);
  worker.defer(async () => partner[Symbol.asyncDispose]());
  await mkdir(partner.disk('out'));
  const inbox = await worker.directory();
  const { host, port, hostKey } = partner.simulator;
  const name = `e-${newId()}`;
  const login = { username: 'acme', password: 'a secret' };
  const source = await worker.account(name, { host, port, hostKey, root: '', ...login });
  const target = await worker.local(`${name}-inbox`, inbox);
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
    const run = await findRun(database, runId);
    const deliveries = await deliveriesOfRun(database, runId);
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
