import { findCalendar, findRun, findSchedule, listAuditEvents, listOccurrences, listRuns } from '@waybill/db';
import { jitterMs } from '@waybill/domain';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCalendar, importHolidays, removeCalendar, updateCalendar } from './define-calendar.js';
import { createSchedule, type ScheduleInput, updateSchedule } from './define-schedule.js';
import { updateTransfer } from './define-transfer.js';
import { fireDueSchedules } from './fire-schedules.js';
import { previewRule, previewSchedule } from './preview-schedule.js';
import { runForDate } from './run-for-date.js';
import { eventsOf, makeTransfer, openTestContext, startedRun, type TestContext } from './testing/exchange.js';
import { triggerRun } from './trigger-run.js';

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterEach(async () => {
  await context.database.prisma.$executeRaw`update schedule set enabled = false, next_due_at = null`;
});
afterAll(() => context[Symbol.asyncDispose]());

/** A Wednesday, noon in Berlin. */
const start = new Date('2026-12-23T11:00:00Z');
let made = 0;

async function makeSchedule(input: Partial<ScheduleInput> = {}, now = start) {
  const transfer = input.transfer ?? (await makeTransfer(context)).id;
  const name = `s-${++made}`;
  const rule = { cron: '0 6 * * *', timeZone: 'Europe/Berlin' };
  return await createSchedule(context, { name, ...rule, ...input, transfer }, now);
}

async function makeCalendar(name = `c-${++made}`) {
  const holidays = [
    { date: '2026-12-25', title: 'Christmas Day' },
    { date: '2026-12-24', title: 'Christmas Eve' },
  ];
  return await createCalendar(context, { name, holidays });
}

async function occurrencesOf(scheduleId: string) {
  const { items } = await listOccurrences(context.database, scheduleId, { limit: 200 });
  return items
    .reverse()
    .map(({ dueAt, state, reason }) => [dueAt.toISOString(), state, reason].join(' ').trim());
}

const fire = (now: string) => fireDueSchedules(context, { now: new Date(now), limit: 100 });

/** Fires each hour, so that nothing is late by more than that. */
async function fireThrough(from: string, until: string) {
  for (let at = Date.parse(from); at <= Date.parse(until); at += 3_600_000)
    await fireDueSchedules(context, { now: new Date(at), limit: 100 });
}

describe('a schedule with a calendar', () => {
  it('fires what its preview showed, and records what is left out with the reason', async () => {
    const calendar = await makeCalendar();
    const rule = 'only-business-days' as const;
    const schedule = await makeSchedule({ calendar: { id: calendar.name, rule } });
    const preview = await previewSchedule(context.database, schedule.id, { count: 6, from: start });
    await fireThrough('2026-12-23T12:00:00Z', '2026-12-29T12:00:00Z');
    const shown = preview.occurrences.map(({ dueAt, state, reason }) =>
      [dueAt.toISOString(), state === 'planned' ? 'fired' : state, reason].join(' ').trim(),
    );
    expect(await occurrencesOf(schedule.id)).toEqual(shown);
    expect(shown).toEqual([
      `2026-12-24T05:00:00.000Z skipped 2026-12-24 (Christmas Eve) is no business day of calendar ${calendar.name}`,
      `2026-12-25T05:00:00.000Z skipped 2026-12-25 (Christmas Day) is no business day of calendar ${calendar.name}`,
      `2026-12-26T05:00:00.000Z skipped 2026-12-26 (Saturday) is no business day of calendar ${calendar.name}`,
      `2026-12-27T05:00:00.000Z skipped 2026-12-27 (Sunday) is no business day of calendar ${calendar.name}`,
      '2026-12-28T05:00:00.000Z fired',
      '2026-12-29T05:00:00.000Z fired',
    ]);
    expect(
      await previewRule(
        context.database,
        { ...schedule, calendar: { id: calendar.id, rule } },
        {
          ...{ count: 6, from: start },
        },
      ),
    ).toEqual(preview.occurrences);
  });

  it('fires on the business day before, looking ahead, and once for all that is moved there', async () => {
    const { id } = await makeCalendar();
    const schedule = await makeSchedule(
      { calendar: { id, rule: 'previous-business-day' } },
      new Date('2026-12-22T11:00Z'),
    );
    await fireThrough('2026-12-22T12:00:00Z', '2026-12-28T12:00:00Z');
    expect(await occurrencesOf(schedule.id)).toEqual([
      '2026-12-23T05:00:00.000Z fired moved here from 2026-12-24 (Christmas Eve), 2026-12-25 (Christmas Day), ' +
        '2026-12-26 (Saturday), 2026-12-27 (Sunday)',
      '2026-12-28T05:00:00.000Z fired',
    ]);
  });

  it('goes by a changed calendar at once', async () => {
    const calendar = await makeCalendar();
    const schedule = await makeSchedule({
      ...{ cron: '0 6 24 12 *', calendar: { id: calendar.id, rule: 'next-business-day' } },
    });
    expect(schedule.nextDueAt).toEqual(new Date('2026-12-28T05:00:00Z'));
    await updateCalendar(context, calendar.id, { holidays: [] }, start);
    expect((await findSchedule(context.database, schedule.id))?.nextDueAt).toEqual(
      new Date('2026-12-24T05:00:00Z'),
    );
  });
});

describe('a calendar', () => {
  it('keeps its holidays in order, tells the log which came and went, and takes an iCalendar text', async () => {
    const calendar = await makeCalendar();
    expect(calendar.holidays.map(({ date }) => date)).toEqual(['2026-12-24', '2026-12-25']);
    const text =
      'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Christmas Day\r\n' +
      'END:VEVENT\r\nEND:VCALENDAR\r\n';
    const imported = await importHolidays(context, calendar.name, text, start);
    expect(imported.holidays).toHaveLength(11);
    expect(imported.holidays.at(-1)).toEqual({ date: '2036-12-25', title: 'Christmas Day' });
    const { items } = await listAuditEvents(context.database, { limit: 1 }, { subjectId: calendar.id });
    expect(JSON.parse(items[0]?.data ?? '')).toMatchObject({ removed: ['2026-12-24'], holidays: 11 });
    await expect(importHolidays(context, calendar.id, 'BEGIN:VEVENT', start)).rejects.toMatchObject({
      ...{ code: 'invalid', field: '/text', message: expect.stringContaining('line 1') },
    });
  });

  it('is not removed while a schedule uses it', async () => {
    const calendar = await makeCalendar();
    const schedule = await makeSchedule({ calendar: { id: calendar.id, rule: 'only-holidays' } });
    await expect(removeCalendar(context, calendar.name)).rejects.toMatchObject({
      ...{ code: 'conflict', message: expect.stringContaining(schedule.name) },
    });
    await updateSchedule(context, schedule.id, { calendar: null }, start);
    await removeCalendar(context, calendar.name);
    expect(await findCalendar(context.database, calendar.id)).toBeUndefined();
    expect(await eventsOf(context.database, calendar.id)).toEqual(['calendar.created', 'calendar.removed']);
  });

  it('is refused with the field at fault', async () => {
    const holidays = ['2026-12-25', '2026-12-25'].map((date) => ({ date, title: '' }));
    await expect(createCalendar(context, { name: 'twice', holidays })).rejects.toMatchObject({
      ...{ code: 'invalid', field: '/holidays/1/date' },
    });
    await expect(
      createCalendar(context, { name: 'idle', weekend: [1, 2, 3, 4, 5, 6, 7] }),
    ).rejects.toMatchObject({
      ...{ code: 'invalid', field: '/weekend' },
    });
  });
});

describe('a schedule', () => {
  it('that is paused records what falls due meanwhile, and goes on by itself', async () => {
    const schedule = await makeSchedule({ pausedUntil: new Date('2026-12-25T05:00:00Z') });
    await fireThrough('2026-12-23T12:00:00Z', '2026-12-25T12:00:00Z');
    expect(await occurrencesOf(schedule.id)).toEqual([
      '2026-12-24T05:00:00.000Z skipped paused until 2026-12-25T05:00:00.000Z',
      '2026-12-25T05:00:00.000Z fired',
    ]);
  });

  it('that skips overlaps leaves out what falls due while a run of the transfer is open, and says which', async () => {
    const schedule = await makeSchedule({ overlap: 'skip' });
    const { run } = await triggerRun(context, { transferId: schedule.transferId });
    await fire('2026-12-24T05:00:01Z');
    await startedRun(context, { run });
    await fire('2026-12-25T05:00:01Z');
    await context.database.prisma.$executeRaw`
      update run set state = 'failed', lease_owner = null, lease_until = null, finished_at = now() where id = ${run.id}::uuid`;
    await fire('2026-12-26T05:00:01Z');
    expect(await occurrencesOf(schedule.id)).toEqual([
      `2026-12-24T05:00:00.000Z skipped run ${run.id} of the transfer is queued`,
      `2026-12-25T05:00:00.000Z skipped run ${run.id} of the transfer is running`,
      '2026-12-26T05:00:00.000Z fired',
    ]);
  });

  it('that skips overlaps makes one run of two schedules of the transfer, whoever fires them', async () => {
    const { id: transfer } = await makeTransfer(context);
    for (let i = 0; i < 6; i++) await makeSchedule({ transfer, overlap: 'skip' });
    await Promise.all(
      [1, 2, 3].map(() =>
        fireDueSchedules(context, { now: new Date('2026-12-24T05:00:01Z'), limit: 10, batch: 1 }),
      ),
    );
    expect((await listRuns(context.database, { limit: 10 }, { transferId: transfer })).items).toHaveLength(1);
  });

  it('that has a jitter begins as its preview says, and keeps its due time', async () => {
    const schedule = await makeSchedule({ jitterSeconds: 600 });
    const preview = await previewSchedule(context.database, schedule.id, { count: 1, from: start });
    const [fired] = await fire('2026-12-24T05:00:01Z');
    const run = await findRun(context.database, fired?.runId ?? '');
    const dueAt = new Date('2026-12-24T05:00:00Z');
    expect(run).toMatchObject({ dueAt, notBefore: preview.occurrences[0]?.notBefore });
    expect(run?.notBefore?.getTime()).toBe(dueAt.getTime() + jitterMs(schedule.id, dueAt, 600));
  });

  it('catches up within its limit alone, also when very much was missed', async () => {
    const few = await makeSchedule({ cron: '0 * * * *', catchUp: 'all', catchUpWithinMinutes: 90 });
    const many = await makeSchedule({ cron: '* * * * *', catchUp: 'all', catchUpWithinMinutes: 3 });
    await fire('2026-12-23T15:10:30Z');
    expect(await occurrencesOf(few.id)).toEqual([
      '2026-12-23T12:00:00.000Z skipped missed by more than 90 minute(s)',
      '2026-12-23T13:00:00.000Z skipped missed by more than 90 minute(s)',
      '2026-12-23T14:00:00.000Z fired fired late: no scheduler ran when it fell due',
      '2026-12-23T15:00:00.000Z fired fired late: no scheduler ran when it fell due',
    ]);
    const [summary, ...rest] = await occurrencesOf(many.id);
    expect(summary).toContain('more than 100 occurrences');
    expect(rest.map((line) => line.slice(0, 30))).toEqual([
      '2026-12-23T15:08:00.000Z fired',
      '2026-12-23T15:09:00.000Z fired',
      '2026-12-23T15:10:00.000Z fired',
    ]);
  });

  it.each([
    ['/calendar/id', { calendar: { id: 'nowhere', rule: 'only-holidays' } }],
    ['/catchUpWithinMinutes', { catchUp: 'skip', catchUpWithinMinutes: 5 }],
    ['/pausedUntil', { pausedUntil: new Date('2026-12-01T00:00:00Z') }],
    ['/cron', { cron: '0 0 L * *' }],
    ['/timeZone', { timeZone: 'Mars/Olympus' }],
  ] as const)('is refused with the field at fault: %s', async (field, input) => {
    await expect(makeSchedule(input)).rejects.toMatchObject({ code: 'invalid', field });
  });
});

describe('a run for a date', () => {
  const now = new Date('2026-12-30T12:00:00Z');

  it('is made once for each due time of the date, however often it is asked for, and again on demand', async () => {
    const schedule = await makeSchedule({ cron: '0 6,18 * * *' });
    const ask = (again?: boolean) => runForDate(context, schedule.name, { date: '2026-11-20', again }, now);
    const first = await Promise.all([ask(), ask(), ask()]);
    expect(first.filter(({ created }) => created)).toHaveLength(1);
    const runs = first[0]?.runs ?? [];
    expect(runs.map(({ dueAt }) => dueAt?.toISOString())).toEqual([
      '2026-11-20T05:00:00.000Z',
      '2026-11-20T17:00:00.000Z',
    ]);
    for (const { runs: others } of first)
      expect(others.map(({ id }) => id)).toEqual(runs.map(({ id }) => id));
    expect(runs[0]).toMatchObject({ trigger: 'request', state: 'queued', transferId: schedule.transferId });
    const again = await ask(true);
    expect(again.created).toBe(true);
    expect(again.runs.map(({ occurrenceId }) => occurrenceId)).toEqual(
      runs.map(({ occurrenceId }) => occurrenceId),
    );
    const { items } = await listOccurrences(context.database, schedule.id, { limit: 10 });
    expect(items.map(({ runId }) => runId).reverse()).toEqual(again.runs.map(({ id }) => id));
  });

  it('takes up what was skipped, also in a pause, and the scheduler does not repeat it', async () => {
    const schedule = await makeSchedule({ pausedUntil: new Date('2027-01-15T00:00:00Z') });
    await fire('2026-12-24T05:00:01Z');
    await runForDate(context, schedule.id, { date: '2026-12-24' }, now);
    await runForDate(context, schedule.id, { date: '2026-12-25' }, now);
    await updateSchedule(context, schedule.id, { pausedUntil: null });
    await fire('2026-12-25T05:00:01Z');
    expect(await occurrencesOf(schedule.id)).toEqual([
      '2026-12-24T05:00:00.000Z fired run on request; it was skipped: paused until 2027-01-15T00:00:00.000Z',
      '2026-12-25T05:00:00.000Z fired run on request',
    ]);
    expect(
      (await listRuns(context.database, { limit: 9 }, { transferId: schedule.transferId })).items,
    ).toHaveLength(2);
  });

  it('is refused where nothing falls due, where it is left out, ahead of time, and for a disabled transfer', async () => {
    const { id, name } = await makeCalendar();
    const schedule = await makeSchedule({
      ...{ cron: '0 6 * * 1-5', calendar: { id, rule: 'only-business-days' } },
    });
    const ask = (date: string) => runForDate(context, schedule.id, { date }, now);
    await expect(ask('2026-12-27')).rejects.toMatchObject({ code: 'invalid', field: '/for' });
    await expect(ask('2026-12-25')).rejects.toMatchObject({
      ...{ code: 'state', message: expect.stringContaining(`no business day of calendar ${name}`) },
    });
    await expect(ask('2026-12-31')).rejects.toMatchObject({
      ...{ code: 'state', message: expect.stringContaining('yet to fall due') },
    });
    await updateTransfer(context, schedule.transferId, { enabled: false });
    await expect(ask('2026-12-22')).rejects.toMatchObject({
      ...{ code: 'state', message: expect.stringContaining('disabled') },
    });
  });
});
