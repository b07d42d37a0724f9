import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deliveriesOfRun, findRun, listAuditEvents } from '@waybill/db';
import { type DuplicateRule, defaultRetryPolicy, type Id, newId, parsePath, rootPath } from '@waybill/domain';
import { cancelRun, createPartner, createTransfer, retryRun, triggerRun } from '@waybill/operations';
import { startOpenSsh } from '@waybill/testkit/openssh';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executeAttempt } from './execute-attempt.js';
import { openWorkerAtWork, type WorkerAtWork } from './testing/worker-at-work.js';

let worker: WorkerAtWork;
let exchange: Awaited<ReturnType<typeof openExchange>>;

beforeAll(async () => {
  worker = await openWorkerAtWork();
  exchange = await openExchange();
});
afterAll(() => worker[Symbol.asyncDispose]());

/** A directory of ours, and an OpenSSH on which partners have their accounts. */
async function openExchange() {
  const { context, database, parts } = worker;
  const server = await startOpenSsh();
  worker.defer(() => server.stop());
  const outbox = await worker.directory();
  const ours = await worker.local('ours', outbox);
  return {
    ...{ context, database, server, outbox, ours },
    /** As often as the run has to wait for a place at an endpoint. */
    execute: async (runId: Id) => {
      const find = () => findRun(database, runId);
      let run = await find();
      while (run?.state === 'queued') {
        await executeAttempt(parts, { runId, epoch: run.epoch }, new AbortController().signal);
        run = await find();
      }
      const files = await deliveriesOfRun(database, runId);
      return {
        state: run?.state,
        failure: run?.failure,
        files: Object.fromEntries(files.map((file) => [file.sourcePath.replace(/^.*\//, ''), file.state])),
        reasons: files.map(({ skippedBecause }) => skippedBecause ?? ''),
      };
    },
  };
}

/** An account on the server, of a partner or of nobody. */
async function anEndpoint(partner?: string) {
  const { server } = exchange;
  const name = `e-${newId()}`;
  const root = join(server.root, name);
  await mkdir(root);
  const { id } = await worker.account(name, { ...server, root }, { partner });
  return { id, arrived: async () => (await readdir(root)).sort() };
}

async function aPartner(): Promise<Id> {
  const name = `p-${newId()}`;
  return (await createPartner(exchange.context, { name, title: name, notes: '' })).id;
}

/** Pushes these files to the endpoint. */
async function aPush(to: Id, files: Record<string, string>, duplicates?: DuplicateRule) {
  const { context, outbox, ours, execute } = exchange;
  const name = `t-${newId()}`;
  await mkdir(join(outbox, name));
  for (const [file, content] of Object.entries(files)) await writeFile(join(outbox, name, file), content);
  const { id: transferId } = await createTransfer(context, {
    name,
    definition: {
      source: {
        ...{ endpointId: ours.id, directory: parsePath(name), include: ['*'], exclude: [] },
        selection: { settleMs: 0 },
      },
      target: { endpointId: to, directory: rootPath },
      ...{ disposition: { kind: 'keep' }, conflict: 'replace', concurrency: 2, retry: defaultRetryPolicy },
      ...(duplicates && { duplicates }),
    },
  });
  const trigger = async () => (await triggerRun(context, { transferId })).run.id;
  return { name, trigger, run: async () => execute(await trigger()) };
}

const skip = { withinDays: 30, action: 'skip' } as const;
const hold = { withinDays: 30, action: 'hold' } as const;

describe('content that was delivered before', () => {
  it('is skipped over any endpoint of the partner, and not of another one', async () => {
    const [acme, other] = [await aPartner(), await aPartner()];
    const [one, two, three] = [await anEndpoint(acme), await anEndpoint(acme), await anEndpoint(other)];
    const first = await aPush(one.id, { 'pay.xml': 'payments of acme' });
    await first.run();
    const again = await aPush(two.id, { 'resent.xml': 'payments of acme', 'new.xml': 'more' }, skip);
    const { state, files, reasons } = await again.run();
    expect({ state, files }).toEqual({
      state: 'succeeded',
      files: { 'resent.xml': 'skipped', 'new.xml': 'delivered' },
    });
    expect(reasons).toContainEqual(
      expect.stringMatching(
        new RegExp(
          `^run \\S+ of transfer ${first.name} delivered the same content, from ${first.name}/pay.xml to pay.xml at`,
        ),
      ),
    );
    expect(await two.arrived()).toEqual(['new.xml']);
    await (await aPush(three.id, { 'resent.xml': 'payments of acme' }, skip)).run();
    expect(await three.arrived()).toEqual(['resent.xml']);
  });

  it('is told of the endpoint alone where that has no partner', async () => {
    const [one, two] = [await anEndpoint(), await anEndpoint()];
    await (await aPush(one.id, { a: 'payments of nobody' })).run();
    expect(await (await aPush(one.id, { b: 'payments of nobody' }, skip)).run()).toMatchObject({
      files: { b: 'skipped' },
    });
    expect(await (await aPush(two.id, { b: 'payments of nobody' }, skip)).run()).toMatchObject({
      files: { b: 'delivered' },
    });
  });

  it('is delivered again once so many days have passed', async () => {
    const { id } = await anEndpoint();
    const { trigger } = await aPush(id, { a: 'old payments' });
    const runId = await trigger();
    await exchange.execute(runId);
    const age = (days: number) => exchange.database.prisma.$executeRaw`
      update delivery set delivered_at = now() - ${days} * interval '1 day' where run_id = ${runId}::uuid`;
    await age(29.9);
    expect(await (await aPush(id, { b: 'old payments' }, skip)).run()).toMatchObject({
      files: { b: 'skipped' },
    });
    await age(30.1);
    expect(await (await aPush(id, { b: 'old payments' }, skip)).run()).toMatchObject({
      files: { b: 'delivered' },
    });
  });

  it('holds the run until a person retries it, who is on record, or cancels it', async () => {
    const { context, database, execute } = exchange;
    const { id, arrived } = await anEndpoint();
    await (await aPush(id, { a: 'payments to ask about' })).run();
    const { trigger } = await aPush(id, { b: 'payments to ask about', c: 'others' }, hold);
    const runId = await trigger();
    expect(await execute(runId)).toMatchObject({
      ...{ state: 'held', files: { b: 'failed', c: 'delivered' } },
      failure: { code: 'duplicate-content', message: expect.stringContaining('Retry the run') },
    });
    expect(await arrived()).toEqual(['a', 'c']);
    await retryRun(context, runId);
    const [event] = (await listAuditEvents(database, { limit: 1 }, { subjectId: runId })).items;
    expect(JSON.parse(event?.data ?? '')).toMatchObject({ from: 'held', duplicatesAllowed: 1 });
    expect(await execute(runId)).toMatchObject({ state: 'succeeded', files: { b: 'delivered' } });
    expect(await arrived()).toEqual(['a', 'b', 'c']);

    const third = await aPush(id, { d: 'payments to ask about' }, hold);
    const held = await third.trigger();
    expect(await execute(held)).toMatchObject({ state: 'held' });
    await cancelRun(context, held);
    expect(await arrived()).toEqual(['a', 'b', 'c']);
  });

  it('is delivered once by many runs at the same time', async () => {
    const { id, arrived } = await anEndpoint(await aPartner());
    const pushes = await Promise.all(
      Array.from({ length: 6 }, (_, i) => aPush(id, { [`${i}`]: 'payments of many' }, skip)),
    );
    const results = await Promise.all(pushes.map(({ run }) => run()));
    const states = results.flatMap(({ files }) => Object.values(files));
    expect(states.sort()).toEqual(['delivered', ...Array(5).fill('skipped')]);
    expect(await arrived()).toHaveLength(1);
  });
});
