import { deliveriesOfRun, markFailed, markMoving, reserveContent, selectDeliveries } from '@waybill/db';
import { type Id, parsePath } from '@waybill/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelRun } from './cancel-run.js';
import { finishAttempt } from './finish-attempt.js';
import { makeTransfer, openTestContext, startedRun, type TestContext } from './testing/exchange.js';
import { triggerRun } from './trigger-run.js';

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());

const content = (digit: string) => ({ sha256: digit.repeat(64), withinDays: 1 });

/** A run that moves so many files; of its own transfer, or of this one. */
async function aRun(files: number, transferId?: Id) {
  const { database } = context;
  const { id } = transferId === undefined ? await makeTransfer(context) : { id: transferId };
  const { run } = await triggerRun(context, { transferId: id });
  const fence = await startedRun(context, { run });
  const selected = Array.from({ length: files }, (_, i) => ({
    ...{ sourcePath: `${i}`, targetPath: `out/${i}`, size: 1, sourceModifiedAt: undefined },
  }));
  await selectDeliveries(database, fence, selected);
  const ids = (await deliveriesOfRun(database, fence.runId)).map(({ id }) => id);
  const move = (id: Id) => {
    const paths = { partPath: parsePath(`p-${id}`), targetPath: parsePath(`out/${id}`) };
    return markMoving(database, fence, id, { ...paths, resumedFrom: 0 });
  };
  for (const id of ids) await move(id);
  const reserve = (id: Id | undefined, digit: string) =>
    reserveContent(database, fence, id ?? '', content(digit));
  return { transferId: id, fence, ids, move, reserve };
}

describe('content', () => {
  it('is reserved for one of many that ask at the same time, and stays so when that asks again', async () => {
    const { ids, reserve } = await aRun(12);
    const answers = await Promise.all(ids.map((id) => reserve(id, 'a')));
    const winners = ids.filter((_, i) => answers[i] === 'reserved');
    expect(winners).toHaveLength(1);
    expect(answers.filter((answer) => answer !== 'reserved')).toEqual(
      Array(11).fill(expect.objectContaining({ deliveredAt: undefined })),
    );
    expect(await reserve(winners[0], 'a')).toBe('reserved');
    expect(
      await reserve(
        ids.find((id) => id !== winners[0]),
        'b',
      ),
    ).toBe('reserved');
  });

  it('is free again once its file starts over, has failed, or its run is at its end', async () => {
    const { transferId, fence, ids, move, reserve } = await aRun(3);
    const [one = '', two, three] = ids;
    expect(await reserve(one, 'c')).toBe('reserved');
    await move(one);
    expect(await reserve(two, 'c')).toBe('reserved');
    await markFailed(
      context.database,
      fence,
      two ?? '',
      { code: 'corrupted', message: 'other bytes' },
      'failed',
    );
    expect(await reserve(three, 'c')).toBe('reserved');
    expect(await reserve(one, 'c')).toMatchObject({ sourcePath: '2' });
    await cancelRun(context, fence.runId);
    await finishAttempt(context, fence, { kind: 'cancelled', reason: 'on request' });
    const after = await aRun(1, transferId);
    expect(await after.reserve(after.ids[0], 'c')).toBe('reserved');
  });

  it('is reserved by nobody who has lost the run', async () => {
    const { fence, ids } = await aRun(1);
    const late = { ...fence, epoch: fence.epoch - 1 };
    expect(await reserveContent(context.database, late, ids[0] ?? '', content('d'))).toBe('superseded');
  });
});
