import { listAuditEvents, listOccurrences, listRuns, openDatabase } from '@waybill/db';
import type { CatchUpRule } from '@waybill/domain';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSchedule } from './define-schedule.js';
import { updateTransfer } from './define-transfer.js';
import { fireDueSchedules } from './fire-schedules.js';
import { makeTransfer, openTestContext, type TestContext } from './testing/exchange.js';

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterEach(async () => {
  await context.database.prisma.$executeRaw`update schedule set enabled = false, next_due_at = null`;
});
afterAll(() => context[Symbol.asyncDispose]());

const start = new Date('2026-03-01T00:00:00Z');
const after = (minutes: number, seconds = 0) => new Date(start.getTime() + (minutes * 60 + seconds) * 1000);

async function makeSchedule(name: string, cron: string, catchUp: CatchUpRule) {
  const transfer = await makeTransfer(context);
  const input = { name, transfer: transfer.id, cron, timeZone: 'UTC', catchUp };
  return await createSchedule(context, input, start);
}

async function occurrencesOf(scheduleId: string) {
  return (await listOccurrences(context.database, scheduleId, { limit: 2000 })).items.reverse();
}

/** Fires until nothing is due: what belongs to this schedule. */
async function fireAll(scheduleId: string, now: Date) {
  const fired = await fireDueSchedules(context, { now, limit: 100 });
  return fired.filter((occurrence) => occurrence.scheduleId === scheduleId);
}

describe('firing', () => {
  it('makes one run per occurrence, however many schedulers try at once', async () => {
    const schedule = await makeSchedule('raced', '*/10 * * * *', 'all');
    const now = after(35);
    const results = await Promise.all(
      Array.from({ length: 20 }, () => fireDueSchedules(context, { now, limit: 10 })),
    );
    const due = results
      .flat()
      .map(({ dueAt }) => dueAt.getTime())
      .sort();
    expect(due).toEqual([10, 20, 30].map((minutes) => after(minutes).getTime()));
    const runs = await listRuns(context.database, { limit: 50 }, { transferId: schedule.transferId });
    expect(runs.items).toHaveLength(3);
    expect(runs.items[0]).toMatchObject({ trigger: 'schedule', state: 'queued', pool: 'dmz' });
    const occurrences = await occurrencesOf(schedule.id);
    expect(new Set(occurrences.map(({ runId }) => runId))).toEqual(new Set(runs.items.map(({ id }) => id)));
  });

  it('fires once on time, then waits for the next due time', async () => {
    const schedule = await makeSchedule('on-time', '0 * * * *', 'skip');
    expect(await fireAll(schedule.id, after(59, 59))).toEqual([]);
    expect(await fireAll(schedule.id, after(60, 1))).toHaveLength(1);
    expect(await fireAll(schedule.id, after(60, 2))).toEqual([]);
    expect(await occurrencesOf(schedule.id)).toMatchObject([
      { dueAt: after(60), state: 'fired', reason: '' },
    ]);
  });

  it('does with what was missed what the rule says', async () => {
    const now = after(4 * 60 + 30);
    const states = async (rule: CatchUpRule) => {
      const { id } = await makeSchedule(`missed-${rule}`, '0 * * * *', rule);
      await fireAll(id, now);
      return (await occurrencesOf(id)).map(({ state }) => state);
    };
    expect(await states('skip')).toEqual(['skipped', 'skipped', 'skipped', 'skipped']);
    expect(await states('latest')).toEqual(['skipped', 'skipped', 'skipped', 'fired']);
    expect(await states('all')).toEqual(['fired', 'fired', 'fired', 'fired']);
  });

  it('sums up what was skipped in one event, and in one row when it is very much', async () => {
    const schedule = await makeSchedule('minutely', '* * * * *', 'latest');
    const fired = await fireAll(schedule.id, after(5000, 30));
    expect(fired.map(({ dueAt }) => dueAt)).toEqual([after(5000)]);
    expect(await occurrencesOf(schedule.id)).toMatchObject([
      { dueAt: after(1), state: 'skipped', reason: expect.stringContaining('more than 1000') },
      { dueAt: after(5000), state: 'fired' },
    ]);
    const { items } = await listAuditEvents(
      context.database,
      { limit: 10 },
      { subjectId: schedule.id, type: 'occurrence.skipped' },
    );
    expect(items).toHaveLength(1);
    expect(JSON.parse(items[0]?.data ?? '')).toMatchObject({ dueAt: after(1).toISOString() });
  });

  it('fires all of very many, a batch at a time', async () => {
    const schedule = await makeSchedule('everything', '* * * * *', 'all');
    expect(await fireAll(schedule.id, after(120, 30))).toHaveLength(120);
  });

  it('skips with the reason while the transfer is disabled', async () => {
    const schedule = await makeSchedule('asleep', '0 * * * *', 'all');
    await updateTransfer(context, schedule.transferId, { enabled: false });
    expect(await fireAll(schedule.id, after(60))).toEqual([]);
    expect(await occurrencesOf(schedule.id)).toMatchObject([
      { state: 'skipped', reason: expect.stringContaining('is disabled'), runId: undefined },
    ]);
  });

  it('fires the others when one cannot be fired, and says which', async () => {
    const broken = await makeSchedule('broken', '0 * * * *', 'latest');
    const sound = await makeSchedule('sound', '0 * * * *', 'latest');
    await context.database.prisma.$executeRaw`
      update schedule set cron = 'nonsense', next_due_at = ${start} where id = ${broken.id}::uuid`;
    await expect(fireDueSchedules(context, { now: after(60), limit: 100 })).rejects.toThrow(AggregateError);
    expect(await occurrencesOf(sound.id)).toHaveLength(1);
    expect(await occurrencesOf(broken.id)).toEqual([]);
  });

  it('fires nothing twice when the clock is set back', async () => {
    const { id } = await makeSchedule('set-back', '*/10 * * * *', 'all');
    expect(await fireAll(id, after(20, 5))).toHaveLength(2);
    expect(await fireAll(id, after(5))).toEqual([]);
    expect(await fireAll(id, after(20, 30))).toEqual([]);
    expect(await fireAll(id, after(30))).toHaveLength(1);
    expect((await occurrencesOf(id)).map(({ dueAt }) => dueAt)).toEqual([after(10), after(20), after(30)]);
  });

  it.each([
    ['forward', '2026-03-28T12:00:00Z', ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']],
    ['back', '2026-10-24T12:00:00Z', ['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']],
  ])('catches up once when no scheduler ran while the clocks went %s', async (way, from, due) => {
    const { id } = await createSchedule(
      context,
      {
        ...{ name: `clocks-${way}`, transfer: (await makeTransfer(context)).id, catchUp: 'all' },
        ...{ cron: '30 2 * * *', timeZone: 'Europe/Berlin' },
      },
      new Date(from),
    );
    const now = new Date(Date.parse(from) + 2 * 86_400_000);
    expect((await fireAll(id, now)).map(({ dueAt }) => dueAt)).toEqual(due.map((at) => new Date(at)));
  });

  it('goes by the catch-up rule when the database was away over three due times', async () => {
    const late = await makeSchedule('away-latest', '* * * * *', 'latest');
    const each = await makeSchedule('away-all', '* * * * *', 'all');
    const refuse = await databaseAway();
    for (const minute of [1, 2, 3])
      await expect(fireDueSchedules(context, { now: after(minute), limit: 100 })).rejects.toThrow();
    await refuse.end();
    const now = after(3, 30);
    const fired = await fireDueSchedules(context, { now, limit: 100 });
    expect(await fireDueSchedules(context, { now, limit: 100 })).toEqual([]);
    const dueOf = (scheduleId: string) =>
      fired.filter((one) => one.scheduleId === scheduleId).map(({ dueAt }) => dueAt);
    expect(dueOf(late.id)).toEqual([after(3)]);
    expect(dueOf(each.id)).toEqual([after(1), after(2), after(3)]);
    expect(await occurrencesOf(late.id)).toMatchObject([
      { state: 'skipped', reason: 'missed; the catch-up rule is "latest"' },
      { state: 'skipped', reason: 'missed; the catch-up rule is "latest"' },
      { state: 'fired', reason: '' },
    ]);
  });
});

/** Ends all connections to the database and lets in no other. */
async function databaseAway() {
  const url = new URL(context.url);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const server = openDatabase({ url: url.href, maxConnections: 1 });
  const allow = (yes: boolean) =>
    server.prisma.$executeRawUnsafe(`alter database "${name}" allow_connections ${yes}`);
  await allow(false);
  await server.prisma.$queryRaw`
    select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
  return {
    async end() {
      await allow(true);
      await server.close();
    },
  };
}
