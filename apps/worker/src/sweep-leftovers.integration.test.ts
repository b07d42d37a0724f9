import {
  deliveriesOfRun,
  type Fence,
  markClaimed,
  markMoving,
  selectDeliveries,
  type Transfer,
} from '@waybill/db';
import { type AttemptOutcome, newId, parsePath } from '@waybill/domain';
import { partPathOf } from '@waybill/domain/naming';
import { finishAttempt, triggerRun } from '@waybill/operations';
import { openMemoryEndpoint } from '@waybill/storage';
import { faulty } from '@waybill/storage/faulty';
import { createLogger } from '@waybill/telemetry';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  makeTransfer,
  openTestContext,
  startedRun,
  type TestContext,
} from '../../../packages/operations/src/testing/exchange.js';
import { sweepLeftovers } from './sweep-leftovers.js';

let context: TestContext;
let transfer: Transfer;
beforeAll(async () => {
  context = await openTestContext();
  transfer = await makeTransfer(context);
});
afterAll(() => context[Symbol.asyncDispose]());

const DAY = 24 * 3_600_000;
const cancelled: AttemptOutcome = { kind: 'cancelled', reason: 'enough' };
const failure = { code: 'outcome-unknown', message: 'did it arrive?' } as const;
const held: AttemptOutcome = { kind: 'hold', failure };

/** A run of the transfer that began to write a file and ended so; left out, it is still running. */
async function runWith(name: string, outcome?: AttemptOutcome, naming: 'own' | 'suffix' = 'own') {
  const { run } = await triggerRun(context, { transferId: transfer.id });
  const fence = await startedRun(context, { run });
  const { database } = context;
  const file = { sourcePath: name, targetPath: `out/${name}`, size: 5, sourceModifiedAt: new Date(0) };
  await selectDeliveries(database, fence, [file]);
  const [delivery] = await deliveriesOfRun(database, run.id);
  if (!delivery) throw new Error('nothing was selected');
  const targetPath = parsePath(file.targetPath);
  const partPath = naming === 'own' ? partPathOf(delivery.id, targetPath) : parsePath(`out/${name}.tmp`);
  await markMoving(database, fence, delivery.id, { partPath, targetPath, resumedFrom: 0 });
  if (naming === 'suffix') await markClaimed(database, fence, delivery.id, true);
  if (outcome) expect(await finishAttempt(context, fence, outcome)).toBe(true);
  return { partPath, runId: run.id, fence };
}

/** As if the last sweep had been so long ago that all it saw is old. */
async function passTime(): Promise<void> {
  await context.database.prisma.$executeRaw`
    update sweep set began_at = now() - interval '2 days', sightings = coalesce(
      (select jsonb_agg(jsonb_set(s, '{since}', '"2020-01-01T00:00:00.000Z"')) from jsonb_array_elements(sightings) s),
      '[]')`;
}

async function claimedIn({ runId }: { readonly runId: string }): Promise<boolean | undefined> {
  return (await deliveriesOfRun(context.database, runId))[0]?.claimed;
}

async function endOf(fence: Fence): Promise<void> {
  await finishAttempt(context, fence, cancelled);
}

it('part files of runs that are over go; those of open runs and of others stay', async () => {
  const over = await runWith('over', cancelled);
  const overTmp = await runWith('overTmp', cancelled, 'suffix');
  const again = await runWith('again', cancelled, 'suffix');
  const waiting = await runWith('waiting', held);
  const waitingTmp = await runWith('waitingTmp', held, 'suffix');
  const nobodys = partPathOf(newId(), parsePath('out/unknown'));
  const theirs = ['out/theirs.tmp', 'out/.waybill-theirs.part', 'out/over'];
  const { runId, partPath, fence } = await runWith('again', undefined, 'suffix');

  const memory = openMemoryEndpoint({ properties: { partNaming: { kind: 'suffix', suffix: '.tmp' } } });
  const kept = [waiting, waitingTmp].map((run) => run.partPath as string);
  const gone = [over.partPath, overTmp.partPath, nobodys];
  for (const path of [...kept, ...gone, ...theirs, partPath]) memory.seed(path, 'bytes');
  const endpoint = faulty(memory, []);
  const target = { id: transfer.definition.target.endpointId, name: 'ours' };
  const lines: [object, string][] = [];
  const tell = (facts: object, message: string) => void lines.push([facts, message]);
  const log = { info: tell, warn: tell };
  const run = () =>
    sweepLeftovers({
      ...{ database: context.database, log, runId, target, endpoint, sweepAfterMs: DAY },
      signal: new AbortController().signal,
    });

  await run();
  await run();
  expect(endpoint.calls.filter(({ operation }) => operation === 'list')).toHaveLength(1);
  expect(endpoint.calls.filter(({ operation }) => operation === 'remove')).toEqual([]);
  await passTime();
  await run();
  expect(memory.paths()).toEqual([...kept, ...theirs, partPath].sort());
  expect(lines.map(([facts]) => facts)).toEqual(
    gone.map((path) => expect.objectContaining({ endpoint: 'ours', path, size: 5 })),
  );
  expect(await claimedIn(overTmp)).toBe(false);
  expect([await claimedIn(waitingTmp), await claimedIn(again), await claimedIn({ runId })]).toEqual([
    ...[true, true, true],
  ]);

  // The path that a run over and an open one have both claimed is the open one's, until that is over as well.
  await endOf(fence);
  await passTime();
  await run();
  expect(memory.paths()).toEqual([...kept, ...theirs].sort());
});

it('a sweep that fails costs the run nothing', async () => {
  const { runId } = await runWith('fails', cancelled);
  await passTime();
  const error = new Error('no listing today');
  const endpoint = faulty(openMemoryEndpoint(), [{ on: 'list', effect: { kind: 'fails', error } }]);
  const target = { id: transfer.definition.target.endpointId, name: 'ours' };
  const log = createLogger({ name: 'test', level: 'silent' });
  const { database } = context;
  const signal = new AbortController().signal;
  await sweepLeftovers({ database, log, runId, target, endpoint, sweepAfterMs: DAY, signal });
  expect(endpoint.calls).toHaveLength(1);
});
