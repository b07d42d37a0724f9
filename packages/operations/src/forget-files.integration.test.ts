import {
  type DeliveredFile,
  deliveriesOfRun,
  type Fence,
  findDeliveredFiles,
  findFilesUnderWay,
  findRun,
  listAuditEvents,
  markCommitting,
  markDelivered,
  markFailed,
  markMoving,
  markSkipped,
  markSkippedAsSeen,
  selectDeliveries,
} from '@waybill/db';
import { type Id, joinPath, newId, parsePath, rootPath } from '@waybill/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finishAttempt } from './finish-attempt.js';
import { forgetFiles } from './forget-files.js';
import { makeTransfer, openTestContext, startedRun, type TestContext } from './testing/exchange.js';
import { triggerRun } from './trigger-run.js';

const sha256 = 'ab'.repeat(32);
const whole = { bytes: 10, sha256, assurance: 'size', targetPath: joinPath(rootPath, 'a') } as const;
const partPath = joinPath(rootPath, 'a.part');
const time = new Date('2026-03-01T06:00:00Z');
const anHourLater = new Date('2026-03-01T07:00:00Z');

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());

async function aTransfer() {
  const transfer = await makeTransfer(context);
  const key = { transferId: transfer.id, sourceEndpointId: transfer.definition.source.endpointId };
  const begin = async () => {
    const { run } = await triggerRun(context, { transferId: transfer.id });
    return startedRun(context, { run });
  };
  const find = (...paths: string[]): Promise<DeliveredFile[]> =>
    findDeliveredFiles(context.database, key, paths.map(parsePath));
  return { transfer, key, begin, find };
}

async function select(fence: Fence, path: string, sourceModifiedAt = time): Promise<Id> {
  const file = { sourcePath: path, targetPath: path, size: 10, sourceModifiedAt, steady: true };
  expect(await selectDeliveries(context.database, fence, [file])).toBe(true);
  const found = (await deliveriesOfRun(context.database, fence.runId)).find((d) => d.sourcePath === path);
  return found?.id ?? expect.unreachable(path);
}

async function deliver(fence: Fence, path: string): Promise<void> {
  const id = await select(fence, path);
  await markMoving(context.database, fence, id, { partPath, targetPath: partPath, resumedFrom: 0 });
  await markCommitting(context.database, fence, id, whole);
  expect(await markDelivered(context.database, fence, id, whole)).toBe(true);
}

const end = (fence: Fence) => finishAttempt(context, fence, { kind: 'done', state: 'succeeded' });

describe('the ledger of a transfer', () => {
  it('gets a file in the statement that calls it delivered, and no other file', async () => {
    const { begin, find } = await aTransfer();
    const fence = await begin();
    await deliver(fence, 'whole');
    const failure = { code: 'unknown', message: 'it failed' } as const;
    await markFailed(context.database, fence, await select(fence, 'failed'), failure, 'failed');
    await markFailed(context.database, fence, await select(fence, 'unknown'), failure, 'unknown');
    await markSkipped(context.database, fence, await select(fence, 'skipped'), 'it is there');
    await select(fence, 'selected');
    expect(await find('whole', 'failed', 'unknown', 'skipped', 'selected')).toEqual([
      {
        ...{ path: 'whole', size: 10, modifiedAt: time, steady: true, sha256, runId: fence.runId },
        deliveredAt: expect.any(Date),
      },
    ]);
  });

  it('knows a file that transforms have changed by the size and hash that it had at the source', async () => {
    const { begin, find } = await aTransfer();
    const fence = await begin();
    const id = await select(fence, 'a');
    const transformed = { sourceSha256: 'cd'.repeat(32), stages: [] };
    const made = { ...whole, bytes: 7, transformed };
    await markCommitting(context.database, fence, id, made);
    expect(await markDelivered(context.database, fence, id, made)).toBe(true);
    expect(await find('a')).toMatchObject([{ size: 10, sha256: transformed.sourceSha256 }]);
  });

  it('gets nothing from an attempt that was given up for lost', async () => {
    const { begin, find } = await aTransfer();
    const fence = await begin();
    const id = await select(fence, 'a');
    const lost = { ...fence, epoch: fence.epoch - 1 };
    expect(await markDelivered(context.database, lost, id, whole)).toBe(false);
    expect(await markSkippedAsSeen(context.database, lost, id, 'seen')).toBe(false);
    expect(await find('a')).toEqual([]);
  });

  it('is of one transfer and one source', async () => {
    const one = await aTransfer();
    const other = await aTransfer();
    await deliver(await one.begin(), 'a');
    expect(await other.find('a')).toEqual([]);
    const elsewhere = { ...one.key, sourceEndpointId: other.key.sourceEndpointId };
    expect(await findDeliveredFiles(context.database, elsewhere, [parsePath('a')])).toEqual([]);
  });

  it('knows the same content by its new time, and the run that delivered it', async () => {
    const { begin, find } = await aTransfer();
    const first = await begin();
    await deliver(first, 'a');
    await end(first);
    const second = await begin();
    const id = await select(second, 'a', anHourLater);
    expect(await markSkippedAsSeen(context.database, second, id, 'the same again')).toBe(true);
    expect(await find('a')).toMatchObject([{ modifiedAt: anHourLater, sha256, runId: first.runId }]);
    expect(await deliveriesOfRun(context.database, second.runId)).toMatchObject([
      { state: 'skipped', skippedBecause: 'the same again' },
    ]);
  });

  it('tells which files another run has under way, until that is over', async () => {
    const { begin, key, transfer } = await aTransfer();
    const fence = await begin();
    await select(fence, 'a');
    const paths = ['a', 'b'].map(parsePath);
    const { run } = await triggerRun(context, { transferId: transfer.id });
    const asked = (runId: Id) => findFilesUnderWay(context.database, { ...key, runId }, paths);
    expect(await asked(run.id)).toEqual([{ path: 'a', runId: fence.runId }]);
    expect(await asked(fence.runId)).toEqual([]);
    const failure = { code: 'unknown', message: 'it failed' } as const;
    await finishAttempt(context, fence, { kind: 'give-up', failure });
    expect((await findRun(context.database, fence.runId))?.state).toBe('failed');
    expect(await asked(run.id)).toEqual([]);
  });

  it('holds 100,000 files, found and forgotten in batches', async () => {
    const { transfer, key, find } = await aTransfer();
    await context.database.prisma.$executeRaw`
      insert into delivered_file
      select ${key.transferId}::uuid, ${key.sourceEndpointId}::uuid, 'out/' || i, 1, now(), true, ${sha256},
             ${newId()}::uuid, now()
      from generate_series(1, 100000) i`;
    const paths = Array.from({ length: 10_000 }, (_, i) => `out/${i * 10 + 10}`);
    expect(await find(...paths)).toHaveLength(10_000);
    expect(await forgetFiles(context, transfer.id, 'out/*0')).toBe(10_000);
    expect(await find(...paths)).toEqual([]);
    expect(await forgetFiles(context, transfer.id, '*')).toBe(90_000);
  });
});

describe('forgetting files', () => {
  it('takes a path that is known as it is, or a glob for names in a directory or in all', async () => {
    const { begin, find, transfer } = await aTransfer();
    const fence = await begin();
    const all = ['out/a.csv', 'out/b.csv', 'out/deep/c.csv', 'out/[1].txt', 'out/1.txt', 'out/(2'];
    for (const path of all) await deliver(fence, path);
    const left = async () => (await find(...all)).map(({ path }) => path).sort();
    expect(await forgetFiles(context, transfer.name, 'out/[1].txt')).toBe(1);
    expect(await forgetFiles(context, transfer.name, 'out/a*')).toBe(1);
    expect(await left()).toEqual(['out/(2', 'out/1.txt', 'out/b.csv', 'out/deep/c.csv']);
    expect(await forgetFiles(context, transfer.name, 'out/(2')).toBe(1);
    expect(await forgetFiles(context, transfer.name, '*.csv')).toBe(2);
    expect(await forgetFiles(context, transfer.name, '*.csv')).toBe(0);
    const { items } = await listAuditEvents(context.database, { limit: 10 }, { subjectId: transfer.id });
    const forgotten = items.filter(({ type }) => type === 'transfer.files-forgotten');
    expect(forgotten.map(({ data }) => JSON.parse(data))).toEqual([
      { name: transfer.name, path: '*.csv', files: 2 },
      { name: transfer.name, path: 'out/(2', files: 1 },
      { name: transfer.name, path: 'out/a*', files: 1 },
      { name: transfer.name, path: 'out/[1].txt', files: 1 },
    ]);
  });

  it('is refused for a transfer that is not there, and for what is neither a path that it knows nor a pattern', async () => {
    await expect(forgetFiles(context, 'nobody', '*')).rejects.toMatchObject({ code: 'not-found' });
    const { transfer } = await aTransfer();
    await expect(forgetFiles(context, transfer.id, 'out/(a')).rejects.toMatchObject({
      ...{ code: 'invalid', field: '/path' },
    });
  });
});
