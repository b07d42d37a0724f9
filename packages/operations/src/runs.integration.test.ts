import { receiptSha256 } from '@waybill/audit';
import {
  checkFence,
  type Delivery,
  deliveriesOfRun,
  type Fence,
  findRun,
  listAttempts,
  listAuditEvents,
  listRuns,
  markClaimed,
  markCommitting,
  markDelivered,
  markDisposed,
  markFailed,
  markMoving,
  markSkipped,
  type Run,
  reselectDelivery,
  saveCheckpoint,
  saveProgress,
  selectDeliveries,
} from '@waybill/db';
import { type AttemptOutcome, joinPath, newId, parsePath, rootPath } from '@waybill/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelRun } from './cancel-run.js';
import { claimRun, renewLease } from './claim-run.js';
import { composeReceipt } from './compose-receipt.js';
import { updateEndpoint } from './define-endpoint.js';
import { updateTransfer } from './define-transfer.js';
import { finishAttempt } from './finish-attempt.js';
import { abandonLeases, rescueLostAttempts } from './rescue-attempts.js';
import { retryRun } from './retry-run.js';
import {
  eventsOf,
  makeRun,
  makeTransfer,
  makeWorker,
  openTestContext,
  startedRun,
  type TestContext,
} from './testing/exchange.js';
import { triggerRun } from './trigger-run.js';

const sha256 = 'ab'.repeat(32);
const partPath = joinPath(rootPath, 'a.part');
const targetPath = parsePath('in/a');
const failure = { code: 'connection-lost', message: 'the connection ended' } as const;
const done: AttemptOutcome = { kind: 'done', state: 'succeeded' };

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());

async function stateOf(runId: string) {
  const run = await findRun(context.database, runId);
  if (!run) throw new Error(`there is no run ${runId}`);
  return run;
}

async function select(fence: Fence, ...names: string[]): Promise<Delivery[]> {
  const files = names.map((name) => ({
    sourcePath: name,
    targetPath: name,
    size: 10,
    sourceModifiedAt: new Date(1_000_000),
  }));
  expect(await selectDeliveries(context.database, fence, files)).toBe(true);
  return await deliveriesOfRun(context.database, fence.runId);
}

function idOf(deliveries: readonly Delivery[], name: string): string {
  return deliveries.find(({ sourcePath }) => sourcePath === name)?.id ?? expect.unreachable(`no ${name}`);
}

/** As when its worker was killed and the lease has run out. */
async function lose(runId: string): Promise<void> {
  await context.database.prisma.$executeRaw`
    update run set lease_until = now() - interval '1 second' where id = ${runId}::uuid`;
}

describe('triggering a run', () => {
  it('writes run, event and outbox together, in the pool that sees the local disk', async () => {
    const run = await makeRun(context);
    expect(run).toMatchObject({ state: 'queued', epoch: 1, version: 1, pool: 'dmz', enqueuedAt: undefined });
    expect(await eventsOf(context.database, run.id)).toEqual(['run.triggered']);
    const outbox = await context.database.prisma.outbox.findMany({
      where: { payload: { path: ['runId'], equals: run.id } },
    });
    expect(outbox.map(({ payload }) => payload)).toEqual([{ runId: run.id, state: 'queued' }]);
  });

  it('makes one run of twenty requests with one key at once', async () => {
    const transfer = await makeTransfer(context);
    const request = { transferId: transfer.id, idempotencyKey: 'k', requestHash: 'h' };
    const results = await Promise.all(Array.from({ length: 20 }, () => triggerRun(context, request)));
    expect(new Set(results.map(({ run }) => run.id)).size).toBe(1);
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    const { items } = await listRuns(context.database, { limit: 10 }, { transferId: transfer.id });
    expect(items).toHaveLength(1);
    await expect(triggerRun(context, { ...request, requestHash: 'other' })).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('is refused while the transfer is disabled, save for a repetition', async () => {
    const transfer = await makeTransfer(context);
    const request = { transferId: transfer.name, idempotencyKey: 'k' };
    const { run } = await triggerRun(context, request);
    await updateTransfer(context, transfer.id, { enabled: false });
    await expect(triggerRun(context, { transferId: transfer.id })).rejects.toMatchObject({ code: 'state' });
    expect(await triggerRun(context, request)).toMatchObject({ run: { id: run.id }, created: false });
  });

  it('lists runs newest first, by transfer, state and time', async () => {
    const transfer = await makeTransfer(context);
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      ids.push((await triggerRun(context, { transferId: transfer.id })).run.id);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await cancelRun(context, ids[1] ?? '');
    const list = async (filter: object, after?: string) =>
      await listRuns(context.database, { limit: 2, after }, { transferId: transfer.id, ...filter });
    const first = await list({});
    expect(first.items.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    expect((await list({}, first.next)).items.map(({ id }) => id)).toEqual([ids[0]]);
    expect((await list({ state: 'queued' })).items.map(({ id }) => id)).toEqual([ids[2], ids[0]]);
    expect((await list({ since: first.items[0]?.createdAt })).items.map(({ id }) => id)).toEqual([ids[2]]);
  });
});

describe('claiming a run', () => {
  it('succeeds once of ten claims at once', async () => {
    const { id: runId, epoch } = await makeRun(context);
    const workers = await Promise.all(Array.from({ length: 10 }, () => makeWorker(context.database)));
    const claims = await Promise.all(
      workers.map((workerId) => claimRun(context, { runId, epoch, workerId, leaseMs: 60_000 })),
    );
    expect(claims.map(({ kind }) => kind).sort()).toEqual(['claimed', ...Array(9).fill('leased')]);
    expect(await listAttempts(context.database, runId)).toHaveLength(1);
    expect(await stateOf(runId)).toMatchObject({ state: 'running', startedAt: expect.any(Date) });
  });

  it('finds nothing to do under another epoch or after the end', async () => {
    const fence = await startedRun(context);
    const again = { ...fence, leaseMs: 1000 };
    expect((await claimRun(context, { ...again, epoch: 2 })).kind).toBe('gone');
    await finishAttempt(context, fence, done);
    expect((await claimRun(context, again)).kind).toBe('gone');
    expect((await claimRun(context, { ...again, runId: newId() })).kind).toBe('gone');
  });

  it('puts a run whose lease has run out back into the queue, or ends it if it was to be cancelled', async () => {
    const lost = await startedRun(context);
    await lose(lost.runId);
    expect((await claimRun(context, { ...lost, leaseMs: 1000 })).kind).toBe('gone');
    expect(await stateOf(lost.runId)).toMatchObject({ state: 'queued', epoch: 2, enqueuedAt: undefined });

    const unwanted = await startedRun(context);
    await cancelRun(context, unwanted.runId);
    await lose(unwanted.runId);
    expect((await claimRun(context, { ...unwanted, leaseMs: 1000 })).kind).toBe('cancelled');
    expect((await stateOf(unwanted.runId)).state).toBe('cancelled');
  });

  it('is kept alive by renewal, which also brings the wish to cancel', async () => {
    const fence = await startedRun(context);
    const before = (await stateOf(fence.runId)).leaseUntil;
    expect(await renewLease(context.database, fence, 120_000)).toMatchObject({
      kept: true,
      cancelRequested: false,
      shares: [{ runs: 1 }, { runs: 1 }],
    });
    expect((await stateOf(fence.runId)).leaseUntil?.getTime()).toBeGreaterThan(before?.getTime() ?? Infinity);
    await cancelRun(context, fence.runId);
    expect(await renewLease(context.database, fence, 1000)).toMatchObject({
      kept: true,
      cancelRequested: true,
    });
    await finishAttempt(context, fence, { kind: 'cancelled', reason: 'on request' });
    expect(await renewLease(context.database, fence, 1000)).toMatchObject({ kept: false });
  });
});

describe('an attempt ends', () => {
  it('done: with counts, a receipt in the log that can be composed again, and names as they were', async () => {
    const fence = await startedRun(context);
    const [first, second] = await select(fence, 'b.csv', 'a.csv');
    if (!first || !second) throw new Error('nothing was selected');
    expect([first.sourcePath, second.sourcePath]).toEqual(['b.csv', 'a.csv']);
    await markMoving(context.database, fence, first.id, { partPath, targetPath, resumedFrom: 0 });
    await markDelivered(context.database, fence, first.id, {
      ...{ bytes: 10, sha256, assurance: 'size' },
      targetPath: parsePath('b (1).csv'),
    });
    await markDisposed(context.database, fence, first.id);
    await markFailed(context.database, fence, second.id, { code: 'not-found', message: 'gone' }, 'failed');
    expect(await finishAttempt(context, fence, { kind: 'done', state: 'partial' })).toBe(true);

    const run = await stateOf(fence.runId);
    expect(run).toMatchObject({
      state: 'partial',
      filesSelected: 2,
      filesDelivered: 1,
      filesFailed: 1,
      bytesSelected: 20,
      bytesMoved: 10,
      finishedAt: expect.any(Date),
    });
    const receipt = await composeReceipt(context.database, run.id);
    expect(receipt.deliveries).toMatchObject([
      { sourcePath: 'b.csv', targetPath: 'b (1).csv', size: 10, sha256, assurance: 'size' },
    ]);
    await updateEndpoint(context, receipt.source.endpointId, { name: `renamed-${run.id}` });
    await updateTransfer(context, run.transferId, { name: `renamed-${run.id}` });
    const { items } = await listAuditEvents(context.database, { limit: 1 }, { subjectId: run.id });
    expect(JSON.parse(items[0]?.data ?? '')).toMatchObject({
      receiptSha256: receiptSha256(await composeReceipt(context.database, run.id)),
    });
  });

  it('with a retry: a new epoch, one attempt used up', async () => {
    const fence = await startedRun(context);
    const at = new Date(Date.now() + 5000);
    await finishAttempt(context, fence, { kind: 'retry-at', at, failure });
    expect(await stateOf(fence.runId)).toMatchObject({
      state: 'queued',
      epoch: 2,
      attemptsUsed: 1,
      notBefore: at,
      enqueuedAt: undefined,
      leaseOwner: undefined,
      failure,
    });
    expect(await listAttempts(context.database, fence.runId)).toMatchObject([{ state: 'failed', failure }]);
    expect(await eventsOf(context.database, fence.runId)).toEqual([
      'run.triggered',
      'run.started',
      'run.requeued',
    ]);
  });

  it('handed back: a new epoch, no attempt used up, due at once', async () => {
    const fence = await startedRun(context);
    await finishAttempt(context, fence, {
      kind: 'postpone-until',
      until: new Date(),
      reason: 'shutting down',
    });
    expect(await stateOf(fence.runId)).toMatchObject({
      state: 'queued',
      epoch: 2,
      attemptsUsed: 0,
      notBefore: undefined,
    });
    expect(await listAttempts(context.database, fence.runId)).toMatchObject([{ state: 'handed-back' }]);
  });

  it('held or given up, with the reason but no secret in it', async () => {
    const held = await startedRun(context);
    const mismatch = { code: 'host-key-mismatch', message: 'offered SHA256:a; password=hunter2' } as const;
    await finishAttempt(context, held, { kind: 'hold', failure: mismatch });
    expect(await stateOf(held.runId)).toMatchObject({
      state: 'held',
      failure: { code: 'host-key-mismatch', message: 'offered SHA256:a; password=…' },
      finishedAt: undefined,
    });
    const failed = await startedRun(context);
    await finishAttempt(context, failed, { kind: 'give-up', failure });
    expect(await stateOf(failed.runId)).toMatchObject({ state: 'failed', attemptsUsed: 1, failure });
    expect(await eventsOf(context.database, failed.runId)).toContain('run.failed');
  });

  it('cancelled instead of retried when somebody asked for that meanwhile', async () => {
    const fence = await startedRun(context);
    await cancelRun(context, fence.runId);
    await finishAttempt(context, fence, { kind: 'retry-at', at: new Date(), failure });
    expect((await stateOf(fence.runId)).state).toBe('cancelled');
    expect(await listAttempts(context.database, fence.runId)).toMatchObject([{ state: 'cancelled' }]);
  });
});

describe('runs of one transfer', () => {
  it('are executed one at a time, whoever asks for them at the same time', async () => {
    const transfer = await makeTransfer(context);
    const runs: Run[] = [];
    for (let i = 0; i < 5; i++) runs.push((await triggerRun(context, { transferId: transfer.id })).run);
    const workerId = await makeWorker(context.database);
    const claimAll = () =>
      Promise.all(
        runs.map(async ({ id: runId }) => {
          const { epoch } = await stateOf(runId);
          return await claimRun(context, { runId, epoch, workerId, leaseMs: 60_000 });
        }),
      );
    for (let finished = 0; finished < runs.length; finished++) {
      const claims = await claimAll();
      const claimed = claims.filter((claim) => claim.kind === 'claimed');
      expect(claimed).toHaveLength(1);
      expect(claims.filter(({ kind }) => kind === 'in-line')).toHaveLength(runs.length - finished - 1);
      for (const { fence } of claimed) await finishAttempt(context, fence, done);
    }
    expect((await claimAll()).map(({ kind }) => kind)).toEqual(runs.map(() => 'gone'));
  });
});

describe('a lost attempt', () => {
  it('goes back to the queue once, and its worker can write nothing any more', async () => {
    const fence = await startedRun(context);
    const deliveries = await select(fence, 'a');
    const id = idOf(deliveries, 'a');
    await lose(fence.runId);
    const rescued = await Promise.all(
      Array.from({ length: 5 }, () => rescueLostAttempts(context, { limit: 100 })),
    );
    expect(rescued.flat().filter(({ runId }) => runId === fence.runId)).toHaveLength(1);
    expect(await stateOf(fence.runId)).toMatchObject({ state: 'queued', epoch: 2, attemptsUsed: 0 });
    expect(await listAttempts(context.database, fence.runId)).toMatchObject([{ state: 'lost' }]);

    const { database } = context;
    const whole = { bytes: 10, sha256, assurance: 'size', targetPath: parsePath('a (1)') } as const;
    const file = { sourcePath: 'a', targetPath: 'a', size: 11, sourceModifiedAt: undefined };
    const progress = {
      filesSelected: 1,
      filesDelivered: 0,
      filesFailed: 0,
      filesSkipped: 0,
      bytesSelected: 0,
      bytesMoved: 0,
    };
    const writes = [
      checkFence(database, fence),
      selectDeliveries(database, fence, [{ ...file, sourcePath: 'b' }]),
      reselectDelivery(database, fence, id, file),
      markMoving(database, fence, id, { partPath, targetPath, resumedFrom: 0 }),
      markClaimed(database, fence, id, true),
      saveCheckpoint(database, fence, id, { bytes: 5, sha256 }),
      markCommitting(database, fence, id, whole),
      markDelivered(database, fence, id, whole),
      markDisposed(database, fence, id),
      markSkipped(database, fence, id, 'no reason'),
      markFailed(database, fence, id, failure, 'failed'),
      saveProgress(database, fence, progress),
      finishAttempt(context, fence, done),
    ];
    expect(await Promise.all(writes)).toEqual(writes.map(() => false));
    expect(await deliveriesOfRun(database, fence.runId)).toEqual(deliveries);
  });

  it('never goes on by itself while it cannot be told whether a file arrived', async () => {
    const unknown = { code: 'outcome-unknown', message: 'the reply to the rename was lost' } as const;
    const endings = [
      async (fence: Fence) => {
        await lose(fence.runId);
        await rescueLostAttempts(context, { limit: 100 });
      },
      async (fence: Fence) => {
        await finishAttempt(context, fence, { kind: 'postpone-until', until: new Date(), reason: 'stopped' });
      },
    ];
    for (const end of endings) {
      const fence = await startedRun(context);
      const id = idOf(await select(fence, 'a'), 'a');
      await markFailed(context.database, fence, id, unknown, 'unknown');
      await end(fence);
      expect(await stateOf(fence.runId)).toMatchObject({ state: 'held', failure: unknown });
    }
  });

  it('makes a run held after twenty in a row, and a person who retries it grants as many again', async () => {
    const run = await makeRun(context);
    let state = run;
    for (let i = 0; i < 20; i++) {
      expect(state.state).toBe('queued');
      await startedRun(context, { run: state });
      await lose(run.id);
      await rescueLostAttempts(context, { limit: 100 });
      state = await stateOf(run.id);
    }
    expect(state).toMatchObject({ state: 'held', attemptsUsed: 0, failure: { code: 'attempt-lost' } });
    await startedRun(context, { run: await retryRun(context, run.id) });
    await lose(run.id);
    await rescueLostAttempts(context, { limit: 100 });
    expect((await stateOf(run.id)).state).toBe('queued');
  });

  it('is rescued without waiting when its worker is known to be gone', async () => {
    const gone = await startedRun(context);
    const alive = await startedRun(context);
    expect(await abandonLeases(context, { workerIds: [gone.workerId] })).toBe(1);
    expect((await stateOf(gone.runId)).state).toBe('queued');
    expect((await stateOf(alive.runId)).state).toBe('running');
    expect(await abandonLeases(context)).toBeGreaterThanOrEqual(1);
    expect((await stateOf(alive.runId)).state).toBe('queued');
  });
});

describe('a person', () => {
  it('cancels a waiting run at once and a running one through its worker', async () => {
    const waiting = await makeRun(context);
    expect(await cancelRun(context, waiting.id)).toMatchObject({ state: 'cancelled', epoch: 2 });
    expect(await cancelRun(context, waiting.id)).toMatchObject({ state: 'cancelled', epoch: 2 });
    const fence = await startedRun(context);
    expect(await cancelRun(context, fence.runId)).toMatchObject({
      state: 'running',
      cancelRequestedAt: expect.any(Date),
    });
    await finishAttempt(context, fence, done);
    const finished = await startedRun(context);
    await finishAttempt(context, finished, done);
    await expect(cancelRun(context, finished.runId)).rejects.toMatchObject({ code: 'state' });
    await expect(cancelRun(context, newId())).rejects.toMatchObject({ code: 'not-found' });
  });

  it('retries a run: what was delivered stays, failed files get another chance, refused names do not', async () => {
    const fence = await startedRun(context);
    const { database } = context;
    const all = await select(fence, 'delivered', 'failed', 'undisposed', 'unknown', 'skipped');
    const refused = { code: 'path-refused', message: 'a newline' } as const;
    const hostile = { sourcePath: 'bad\\n', targetPath: 'bad\\n', size: 1, sourceModifiedAt: undefined };
    await selectDeliveries(database, fence, [{ ...hostile, failure: refused }]);
    const whole = { bytes: 10, sha256, assurance: 'size', targetPath: parsePath('a (1)') } as const;
    await markDelivered(database, fence, idOf(all, 'delivered'), whole);
    await markDelivered(database, fence, idOf(all, 'undisposed'), whole);
    for (const name of ['failed', 'undisposed'])
      await markFailed(
        database,
        fence,
        idOf(all, name),
        { code: 'permission-denied', message: 'no' },
        'failed',
      );
    await markCommitting(database, fence, idOf(all, 'unknown'), whole);
    await markFailed(
      database,
      fence,
      idOf(all, 'unknown'),
      { code: 'outcome-unknown', message: '?' },
      'unknown',
    );
    await markSkipped(database, fence, idOf(all, 'skipped'), 'it is there already');
    await finishAttempt(context, fence, { kind: 'done', state: 'partial' });

    const run = await retryRun(context, fence.runId);
    expect(run).toMatchObject({ state: 'queued', epoch: 2, attemptsUsed: 0, finishedAt: undefined });
    const states = (await deliveriesOfRun(database, run.id)).map(({ sourcePath, state }) => [
      sourcePath,
      state,
    ]);
    expect(Object.fromEntries(states)).toEqual({
      delivered: 'delivered',
      failed: 'selected',
      undisposed: 'delivered',
      unknown: 'unknown',
      skipped: 'skipped',
      'bad\\n': 'failed',
    });
    await expect(retryRun(context, run.id)).rejects.toMatchObject({ code: 'state' });
    const next = await startedRun(context, { run });
    await finishAttempt(context, next, done);
    await expect(retryRun(context, run.id)).rejects.toMatchObject({ code: 'state' });
  });
});

describe('the record of a delivery', () => {
  it('says where the next attempt may continue, and what it has to look at first', async () => {
    const fence = await startedRun(context);
    const { database } = context;
    const id = idOf(await select(fence, 'a'), 'a');
    const record = async () => (await deliveriesOfRun(database, fence.runId))[0];
    await select(fence, 'a');
    expect(await record()).toMatchObject({ state: 'selected', checkpoint: undefined, committing: undefined });
    await markMoving(database, fence, id, { partPath, targetPath, resumedFrom: 0 });
    await saveCheckpoint(database, fence, id, { bytes: 7, sha256 });
    expect(await record()).toMatchObject({ state: 'moving', partPath, checkpoint: { bytes: 7, sha256 } });
    await markMoving(database, fence, id, { partPath, targetPath, resumedFrom: 7 });
    expect(await record()).toMatchObject({ resumedFrom: 7, checkpoint: { bytes: 7, sha256 } });
    await markMoving(database, fence, id, { partPath, targetPath, resumedFrom: 0 });
    expect(await record()).toMatchObject({
      resumedFrom: 0,
      checkpoint: undefined,
      targetPath,
      claimed: false,
    });
    await markClaimed(database, fence, id, true);
    const whole = { bytes: 10, sha256, assurance: 'read-back', targetPath: parsePath('a (1)') } as const;
    await markCommitting(database, fence, id, whole);
    expect(await record()).toMatchObject({ committing: { ...whole, joined: undefined } });
    const joining = { ...whole, joined: { bytes: 3_000_000_000, sha256 } };
    await markCommitting(database, fence, id, joining);
    expect(await record()).toMatchObject({ committing: joining });
    const file = { sourcePath: 'a', targetPath: 'a', size: 12, sourceModifiedAt: new Date(2_000_000) };
    await reselectDelivery(database, fence, id, file);
    expect(await record()).toMatchObject({
      ...file,
      state: 'selected',
      ...{ targetPath, partPath, claimed: true },
      checkpoint: undefined,
      committing: undefined,
      sha256: undefined,
    });
  });
});
