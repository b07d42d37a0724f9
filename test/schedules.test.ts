import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '@waybill/db';
import { afterAll, describe, expect, it } from 'vitest';
import { Cleanup } from './support/cleanup.js';
import { defineExchange } from './support/exchange.js';
import { backends, startFleet } from './support/fleet.js';

/** More than one transaction of a scheduler takes. */
const SCHEDULES = 300;

const cleanup = new Cleanup();
afterAll(() => cleanup[Symbol.asyncDispose]());

describe.each(backends)('schedules that fall due in the same minute, the queue on %s', (backend) => {
  it('run exactly once each, with three schedulers of which one is killed meanwhile', async () => {
    const fleet = await startFleet(backend, { WAYBILL_CONCURRENCY: '10' }, { workers: 0 });
    cleanup.defer(() => fleet[Symbol.asyncDispose]());
    const exchange = await defineExchange(fleet.api);
    cleanup.defer(() => exchange[Symbol.asyncDispose]());
    for (let i = 0; i < SCHEDULES; i++) {
      await exchange.define(`t-${i}`, 'push');
      await fleet.api.post('/schedules', {
        name: `s-${i}`,
        transferId: `t-${i}`,
        cron: '* * * * *',
        enabled: false,
      });
    }
    const killed = fleet.startScheduler();
    fleet.startScheduler();

    const database = openDatabase({ url: fleet.databaseUrl, maxConnections: 1 });
    cleanup.defer(() => database.close());
    await allDueOnce(database);
    await until(async () => (await runsOf(database)) > 0);
    await killed.end('SIGKILL');
    await until(async () => (await runsOf(database)) >= SCHEDULES);
    fleet.startWorker();

    await until(async () => (await fleet.api.all('/runs?state=succeeded')).length >= SCHEDULES);
    const runs = await fleet.api.all('/runs');
    expect(runs).toHaveLength(SCHEDULES);
    expect(new Set(runs.map(({ occurrenceId }) => occurrenceId)).size).toBe(SCHEDULES);
    expect(new Set(runs.map(({ transferId }) => transferId)).size).toBe(SCHEDULES);
    const attempts = await database.prisma.attempt.findMany({ select: { runId: true } });
    expect(attempts.map(({ runId }) => runId).sort()).toEqual(runs.map(({ id }) => id).sort());
    expect(await fleet.api.all('/audit-events?type=run.triggered')).toHaveLength(SCHEDULES);
    expect(await fleet.api.get('/audit-events/verification')).toMatchObject({ intact: true });
  });
});

/** At this minute, which every scheduler takes for now; at no other one while the test runs. */
async function allDueOnce({ prisma }: ReturnType<typeof openDatabase>): Promise<void> {
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  const cron = `${new Date(minute).getUTCMinutes()} ${new Date(minute).getUTCHours()} * * *`;
  await prisma.$executeRaw`
    update schedule set enabled = true, time_zone = 'UTC', cron = ${cron}, next_due_at = ${new Date(minute)}`;
}

async function runsOf({ prisma }: ReturnType<typeof openDatabase>): Promise<number> {
  return await prisma.run.count();
}

async function until(reached: () => Promise<boolean>, timeoutMs = 120_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await reached()); await sleep(20))
    if (Date.now() > deadline) expect.fail(`not reached within ${timeoutMs} ms`);
}
