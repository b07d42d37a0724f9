import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findRun, listAuditEvents, listDeliveries } from '@waybill/db';
import {
  type AcknowledgementRule,
  defaultRetryPolicy,
  newId,
  parsePath,
  type TransferDefinition,
} from '@waybill/domain';
import {
  abandonLeases,
  cancelRun,
  claimRun,
  composeReceipt,
  createTransfer,
  retryRun,
  triggerRun,
} from '@waybill/operations';
import { startOpenSsh } from '@waybill/testkit/openssh';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executeAttempt } from './execute-attempt.js';
import { openWorkerAtWork, type WorkerAtWork } from './testing/worker-at-work.js';

const hour = 3_600_000;

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
  const stateOf = async (runId: string) => {
    const run = await findRun(database, runId);
    if (!run) throw new Error(`there is no run ${runId}`);
    return run;
  };
  return {
    ...{ context, database, workerId, ours, theirs },
    ...{ oursAt: directory, theirsAt: server.root, server, stateOf },
    /** One attempt, without waiting for its time. */
    async execute(runId: string) {
      const { epoch } = await stateOf(runId);
      const job = await executeAttempt(parts, { runId, epoch }, new AbortController().signal);
      return { ...(await stateOf(runId)), job: job.kind };
    },
  };
}

/** A transfer of `day.csv`, over directories of its own, that the partner has to acknowledge. */
async function sending(change: Partial<AcknowledgementRule> = {}) {
  const { context, database, ours, theirs, oursAt, theirsAt } = exchange;
  const name = `t-${newId()}`;
  const [source, target] = [join(oursAt, name), join(theirsAt, name)];
  for (const at of [source, target]) await mkdir(at);
  await writeFile(join(source, 'day.csv'), 'a;b\n');
  const directory = parsePath(name);
  const definition: TransferDefinition = {
    source: {
      ...{ endpointId: ours.id, directory, include: ['*'], exclude: [], selection: { settleMs: 0 } },
    },
    target: {
      ...{ endpointId: theirs.id, directory },
      acknowledgement: { name: '{name}.ack', refusalName: '{name}.err', timeoutMs: hour, ...change },
    },
    ...{ disposition: { kind: 'delete' }, conflict: 'replace', concurrency: 1, retry: defaultRetryPolicy },
  };
  const { id: transferId } = await createTransfer(context, { name, definition });
  const trigger = async () => (await triggerRun(context, { transferId })).run.id;
  return {
    ...{ source, target, trigger },
    answer: (file: string, text = '') => writeFile(join(target, file), text),
    /** As if so much time had gone by since the delivery. */
    pass: (runId: string, ms: number) =>
      database.prisma.$executeRaw`
        update delivery set awaited_since = awaited_since - ${ms}::double precision * interval '1 millisecond'
        where run_id = ${runId}::uuid`,
    async delivery(runId: string) {
      const { items } = await listDeliveries(database, { limit: 10 }, { runId });
      return items[0] ?? expect.unreachable('nothing was delivered');
    },
    async events(runId: string) {
      const { items } = await listAuditEvents(database, { limit: 100 }, { subjectId: runId });
      return items.map(({ type, data }) => ({ type, data: JSON.parse(data) })).reverse();
    },
  };
}

const acknowledgedIn = (events: readonly { readonly type: string; readonly data: object }[]) =>
  events.filter(({ type }) => type === 'run.acknowledged').map(({ data }) => data);

describe('a partner', () => {
  it('that answers late is waited for by no worker, and the source until then is there', async () => {
    const { source, target, trigger, answer, pass, delivery, events } = await sending({
      afterwards: 'remove',
    });
    const runId = await trigger();
    const waiting = await exchange.execute(runId);
    expect(waiting).toMatchObject({ state: 'queued', attemptsUsed: 0, filesDelivered: 1, job: 'done' });
    expect(await readdir(source)).toEqual(['day.csv']);
    const { awaitedSince, acknowledgedAt: notYet } = await delivery(runId);
    expect(waiting.notBefore?.getTime()).toBeGreaterThanOrEqual(
      (awaitedSince?.getTime() ?? Infinity) + 30_000,
    );
    expect(notYet).toBeUndefined();

    await pass(runId, hour / 2);
    expect(await exchange.execute(runId)).toMatchObject({ state: 'queued', attemptsUsed: 0 });
    await answer('day.csv.ack');
    expect(await exchange.execute(runId)).toMatchObject({ state: 'succeeded', failure: undefined });
    expect([await readdir(source), await readdir(target)]).toEqual([[], ['day.csv']]);
    const acknowledgedAt = expect.any(Date);
    expect(await delivery(runId)).toMatchObject({
      assurance: 'acknowledged',
      acknowledgedAt,
      disposed: true,
    });
    const { deliveries } = await composeReceipt(exchange.database, runId);
    expect(deliveries).toMatchObject([{ assurance: 'acknowledged', acknowledgedAt: expect.any(String) }]);
    const told = await events(runId);
    expect(acknowledgedIn(told)).toMatchObject([{ acknowledged: 1, of: 1 }]);
    expect(told.find(({ type }) => type === 'run.requeued')?.data).toMatchObject({
      reason: 'the partner has yet to acknowledge 1 delivered file',
    });
  });

  it('that has answered yesterday has not answered today', async () => {
    const { target, trigger, answer } = await sending();
    await answer('day.csv.ack');
    const yesterday = new Date(Date.now() - 24 * hour);
    await utimes(join(target, 'day.csv.ack'), yesterday, yesterday);
    const runId = await trigger();
    expect(await exchange.execute(runId)).toMatchObject({ state: 'queued' });
    await answer('day.csv.ack');
    expect(await exchange.execute(runId)).toMatchObject({ state: 'succeeded' });
  });

  it('that refuses a file has its run end in part, and a retry sends nothing but waits for another answer', async () => {
    const { source, target, trigger, answer, delivery, events } = await sending();
    const runId = await trigger();
    await exchange.execute(runId);
    await answer('day.csv.err', 'sum is wrong');
    const failure = {
      code: 'not-acknowledged',
      message: expect.stringMatching(/refused it by .*day\.csv\.err/),
    };
    expect(await exchange.execute(runId)).toMatchObject({ state: 'partial', filesDelivered: 1, failure });
    expect(await delivery(runId)).toMatchObject({ state: 'delivered', failure, disposed: false });
    expect((await composeReceipt(exchange.database, runId)).deliveries).toHaveLength(1);
    await writeFile(join(target, 'day.csv'), 'the partner works on it');

    await retryRun(exchange.context, runId);
    expect(await exchange.execute(runId)).toMatchObject({ state: 'queued' });
    expect(await readFile(join(target, 'day.csv'), 'utf8')).toBe('the partner works on it');
    expect(await readdir(source)).toEqual(['day.csv']);
    await answer('day.csv.ack');
    expect(await exchange.execute(runId)).toMatchObject({ state: 'succeeded', failure: undefined });
    expect(acknowledgedIn(await events(runId))).toMatchObject([
      { acknowledged: 0, of: 1 },
      { acknowledged: 1, of: 1 },
    ]);
  });

  it('that never answers has its run end in part when the time is over', async () => {
    const { source, trigger, pass, delivery } = await sending();
    const runId = await trigger();
    await exchange.execute(runId);
    await pass(runId, hour);
    const failure = {
      code: 'not-acknowledged',
      message: expect.stringMatching(/within 3600 s: it is not there/),
    };
    expect(await exchange.execute(runId)).toMatchObject({ state: 'partial', failure });
    expect(await delivery(runId)).toMatchObject({ state: 'delivered', failure });
    expect(await readdir(source)).toEqual(['day.csv']);
  });

  it('that can not be reached for a while costs no attempt', async () => {
    const { trigger, answer } = await sending();
    const runId = await trigger();
    await exchange.execute(runId);
    const away = `update endpoint set settings = jsonb_set(settings, '{port}', $1::jsonb) where id = $2::uuid`;
    const { id } = exchange.theirs;
    await exchange.database.prisma.$executeRawUnsafe(away, '1', id);
    for (const _ of Array.from({ length: 4 }))
      expect(await exchange.execute(runId)).toMatchObject({ state: 'queued', attemptsUsed: 0 });
    await exchange.database.prisma.$executeRawUnsafe(away, String(exchange.server.port), id);
    await answer('day.csv.ack');
    expect(await exchange.execute(runId)).toMatchObject({ state: 'succeeded' });
  });
});

describe('while a run waits', () => {
  it('a worker that is killed at a look leaves it to the next one', async () => {
    const { context, workerId } = exchange;
    const { source, trigger, answer } = await sending();
    const runId = await trigger();
    const { epoch } = await exchange.execute(runId);
    expect((await claimRun(context, { runId, epoch, workerId, leaseMs: 60_000 })).kind).toBe('claimed');
    expect(await abandonLeases(context, { workerIds: [workerId] })).toBe(1);
    expect(await exchange.execute(runId)).toMatchObject({ state: 'queued', attemptsUsed: 0 });
    await answer('day.csv.ack');
    expect(await exchange.execute(runId)).toMatchObject({ state: 'succeeded', filesDelivered: 1 });
    expect(await readdir(source)).toEqual([]);
  });

  it('it can be cancelled: its file is delivered, not acknowledged, and still there', async () => {
    const { source, trigger, delivery, events } = await sending();
    const runId = await trigger();
    await exchange.execute(runId);
    expect(await cancelRun(exchange.context, runId)).toMatchObject({ state: 'cancelled' });
    expect(await delivery(runId)).toMatchObject({
      state: 'delivered',
      acknowledgedAt: undefined,
      disposed: false,
    });
    expect(await readdir(source)).toEqual(['day.csv']);
    expect(acknowledgedIn(await events(runId))).toMatchObject([{ acknowledged: 0, of: 1 }]);
  });

  it('the next run of its transfer does not start: it would send the same file again', async () => {
    const { target, trigger, answer } = await sending();
    const [first, second] = [await trigger(), await trigger()];
    await exchange.execute(first);
    await rm(join(target, 'day.csv'));
    expect(await exchange.execute(second)).toMatchObject({
      ...{ state: 'queued', job: 'postpone-until' },
      waiting: {
        reason: 'transfer-busy',
        message: expect.stringMatching(`run ${first} .* acknowledgements`),
      },
    });
    await answer('day.csv.ack');
    expect(await exchange.execute(first)).toMatchObject({ state: 'succeeded' });
    expect(await exchange.execute(second)).toMatchObject({ state: 'succeeded', filesSelected: 0 });
    expect(await readdir(target)).toEqual(['day.csv.ack']);
  });

  it('an older one that is retried waits behind it, and neither waits for ever', async () => {
    const { trigger, answer, source } = await sending();
    const older = await trigger();
    await exchange.execute(older);
    await answer('day.csv.err');
    await exchange.execute(older);
    const newer = await trigger();
    expect(await exchange.execute(newer)).toMatchObject({ state: 'queued', waiting: undefined });
    await retryRun(exchange.context, older);
    expect(await exchange.execute(older)).toMatchObject({ waiting: { reason: 'transfer-busy' } });
    await answer('day.csv.ack');
    expect(await exchange.execute(newer)).toMatchObject({ state: 'succeeded' });
    expect(await readdir(source)).toEqual([]);
    expect(await exchange.execute(older)).toMatchObject({ state: 'succeeded' });
  });
});
