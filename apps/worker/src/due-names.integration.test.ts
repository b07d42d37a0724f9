import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultRetryPolicy, rootPath } from '@waybill/domain';
import {
  createCalendar,
  createSchedule,
  createTransfer,
  fireDueSchedules,
  runForDate,
} from '@waybill/operations';
import { startDropbear } from '@waybill/testkit/dropbear';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { executeAttempt } from './execute-attempt.js';
import { openWorkerAtWork, type WorkerAtWork } from './testing/worker-at-work.js';

let worker: WorkerAtWork;
let exchange: Awaited<ReturnType<typeof openExchange>>;
beforeAll(async () => {
  worker = await openWorkerAtWork();
  exchange = await openExchange();
});
afterAll(() => worker[Symbol.asyncDispose]());

/** A push of one file each evening at one minute to midnight in Berlin. */
async function openExchange() {
  const { context, parts } = worker;
  const server = await startDropbear();
  worker.defer(() => server.stop());
  const outbox = await worker.directory();
  await writeFile(join(outbox, 'balance.csv'), 'a;b;c');

  const target = await worker.account('bank', server);
  const source = await worker.local('outbox', outbox);
  const { id: transfer } = await createTransfer(context, {
    name: 'balances',
    definition: {
      source: {
        ...{ endpointId: source.id, directory: rootPath, include: ['*'], exclude: [] },
        selection: { settleMs: 0 },
      },
      target: {
        ...{ endpointId: target.id, directory: rootPath },
        name:
          '{stem}_{date:yyyyMMdd, zone=Europe/Berlin}' +
          '_value_{date:yyyyMMdd, zone=Europe/Berlin, +1 business day}{.ext}',
      },
      ...{ disposition: { kind: 'keep' }, conflict: 'replace', concurrency: 1, retry: defaultRetryPolicy },
    },
  });
  const holidays = [{ date: '2026-11-20', title: 'Founding Day' }];
  const { id } = await createCalendar(context, { name: 'bank', holidays });
  await createSchedule(
    context,
    {
      ...{ name: 'evenings', transfer, cron: '59 23 * * *', timeZone: 'Europe/Berlin' },
      calendar: { id, rule: 'only-business-days' },
    },
    new Date('2026-11-19T12:00:00Z'),
  );
  return {
    context,
    async execute(runId = '') {
      await executeAttempt(parts, { runId, epoch: 1 }, new AbortController().signal);
      return (await readdir(server.directory)).sort();
    },
  };
}

it('names files by the due time and the calendar of the schedule, however late the run is', async () => {
  const { context, execute } = exchange;
  const now = new Date('2026-11-19T23:05:00Z');
  const [fired] = await fireDueSchedules(context, { now, limit: 1 });
  expect(fired?.dueAt).toEqual(new Date('2026-11-19T22:59:00Z'));
  expect(await execute(fired?.runId)).toContain('balance_20261119_value_20261123.csv');
});

it('names files by the date that a run is made for', async () => {
  const { context, execute } = exchange;
  const { runs } = await runForDate(
    context,
    'evenings',
    { date: '2026-11-17' },
    new Date('2026-11-25T12:00Z'),
  );
  expect(await execute(runs[0]?.id)).toContain('balance_20261117_value_20261118.csv');
});
