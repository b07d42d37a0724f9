import { describe, expect, it } from 'vitest';
import {
  type DueTime,
  nextOccurrence,
  nextOccurrences,
  occurrences,
  occurrencesOn,
  ScheduleRefused,
} from './occurrences.js';
import type { CalendarRule, HolidayCalendar, ScheduleRule } from './schedule.js';

const berlin = (cron: string) => ({ cron, timeZone: 'Europe/Berlin' });
const iso = (times: DueTime[]) => times.map(({ dueAt }) => dueAt.toISOString());
const between = (rule: ScheduleRule, from: string, until: string) =>
  iso(occurrences(rule, new Date(from), new Date(until)));

describe('due times', () => {
  it('lie after the first instant and up to the second, so that neighbouring spans share none', () => {
    const rule = { cron: '0 * * * *', timeZone: 'UTC' };
    expect(between(rule, '2026-01-01T01:00:00Z', '2026-01-01T03:00:00Z')).toEqual([
      '2026-01-01T02:00:00.000Z',
      '2026-01-01T03:00:00.000Z',
    ]);
  });

  it.each(['30 2 * * *', '* 2 * * *', '*/20 2 * * *', '0,30 2,3 29 3 *'])(
    'run once, at the first instant after the gap, on the day that summer time begins: %s',
    (cron) => {
      const day = between(berlin(cron), '2026-03-28T22:00:00Z', '2026-03-29T01:20:00Z');
      expect(day).toEqual(['2026-03-29T01:00:00.000Z']);
    },
  );

  it('run once on the day that summer time ends', () => {
    const day = between(berlin('30 2 * * *'), '2026-10-24T22:00:00Z', '2026-10-25T22:00:00Z');
    expect(day).toEqual(['2026-10-25T00:30:00.000Z']);
  });

  it.each(['0 * * * *', '30 * * * *'])(
    'neither pause nor double every hour while clocks change: %s',
    (cron) => {
      for (const from of ['2026-03-28T22:00:00Z', '2026-10-24T22:00:00Z']) {
        const start = new Date(from);
        const times = occurrences(berlin(cron), start, new Date(start.getTime() + 9 * 3_600_000));
        const steps = times
          .slice(1)
          .map(({ dueAt }, i) => dueAt.getTime() - (times[i]?.dueAt.getTime() ?? 0));
        expect(new Set(steps)).toEqual(new Set([3_600_000]));
      }
    },
  );

  it('run every quarter of an hour while clocks are set by half an hour', () => {
    const rule = { cron: '*/15 * * * *', timeZone: 'Australia/Lord_Howe' };
    for (const from of ['2026-04-04T13:00:00Z', '2026-10-03T14:00:00Z']) {
      const times = nextOccurrences(rule, new Date(from), 12).map(({ dueAt }) => dueAt.getTime());
      expect(times.map((at) => (at - Date.parse(from)) / 900_000)).toEqual([
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
      ]);
    }
  });

  it('run at the end of a day that a zone left out', () => {
    const rule = { cron: '0 12 * * *', timeZone: 'Pacific/Apia' };
    expect(between(rule, '2011-12-29T12:00:00Z', '2011-12-31T23:00:00Z')).toEqual([
      '2011-12-29T22:00:00.000Z',
      '2011-12-30T10:00:00.000Z',
      '2011-12-30T22:00:00.000Z',
      '2011-12-31T22:00:00.000Z',
    ]);
  });

  it('run when midnight does not exist', () => {
    const rule = { cron: '0 0 * * *', timeZone: 'America/Sao_Paulo' };
    expect(between(rule, '2018-11-03T12:00:00Z', '2018-11-05T12:00:00Z')).toEqual([
      '2018-11-04T03:00:00.000Z',
      '2018-11-05T02:00:00.000Z',
    ]);
  });

  it('take either day field, as crontab does', () => {
    const next = nextOccurrence({ cron: '0 0 13 * 5', timeZone: 'UTC' }, new Date('2026-11-01T00:00:00Z'));
    expect(next.toISOString()).toBe('2026-11-06T00:00:00.000Z');
  });

  it('take both day fields where one of them begins with a star, as crontab does', () => {
    const odd = nextOccurrences(
      { cron: '0 0 */2 * 1', timeZone: 'UTC' },
      new Date('2026-11-01T00:00:00Z'),
      3,
    );
    expect(iso(odd).map((at) => at.slice(0, 10))).toEqual(['2026-11-09', '2026-11-23', '2026-12-07']);
  });

  it('wait eight years for a leap day', () => {
    const next = nextOccurrence({ cron: '0 0 29 2 *', timeZone: 'UTC' }, new Date('2096-03-01T00:00:00Z'));
    expect(next.toISOString()).toBe('2104-02-29T00:00:00.000Z');
  });

  it('before the end of a pause are skipped with the reason', () => {
    const rule = { ...berlin('0 6 * * *'), pausedUntil: new Date('2026-11-27T05:00:00Z') };
    expect(nextOccurrences(rule, new Date('2026-11-25T12:00:00Z'), 2)).toEqual([
      {
        dueAt: new Date('2026-11-26T05:00:00Z'),
        state: 'skipped',
        reason: 'paused until 2026-11-27T05:00:00.000Z',
      },
      { dueAt: new Date('2026-11-27T05:00:00Z'), state: 'planned', reason: '' },
    ]);
  });
});

describe('a calendar', () => {
  const days: HolidayCalendar = {
    name: 'bank',
    weekend: [6, 7],
    holidays: new Map([
      ['2026-12-25', 'Christmas Day'],
      ['2026-12-31', ''],
      ['2027-01-01', 'New Year'],
    ]),
  };
  const under = (rule: CalendarRule, cron: string) => ({ ...berlin(cron), calendar: { rule, days } });
  const told = (times: DueTime[]) =>
    times.map(({ dueAt, state, reason }) =>
      [dueAt.toISOString().slice(0, 10), state, reason].join(' ').trim(),
    );
  const christmas = (rule: CalendarRule, cron = '0 6 * * *') =>
    told(occurrences(under(rule, cron), new Date('2026-12-23T12:00:00Z'), new Date('2026-12-28T12:00:00Z')));

  it('leaves out what falls on no business day, and says why', () => {
    expect(christmas('only-business-days')).toEqual([
      '2026-12-24 planned',
      '2026-12-25 skipped 2026-12-25 (Christmas Day) is no business day of calendar bank',
      '2026-12-26 skipped 2026-12-26 (Saturday) is no business day of calendar bank',
      '2026-12-27 skipped 2026-12-27 (Sunday) is no business day of calendar bank',
      '2026-12-28 planned',
    ]);
  });

  it('leaves out what falls on no holiday, and says why', () => {
    expect(christmas('only-holidays').filter((line) => line.includes('planned'))).toEqual([
      '2026-12-25 planned',
    ]);
    expect(christmas('only-holidays')[0]).toBe(
      '2026-12-24 skipped 2026-12-24 is no holiday of calendar bank',
    );
  });

  it('moves to the next business day at the same local time, where two become one', () => {
    expect(christmas('next-business-day')).toEqual([
      '2026-12-24 planned',
      '2026-12-28 planned moved here from 2026-12-25 (Christmas Day), 2026-12-26 (Saturday), 2026-12-27 (Sunday)',
    ]);
  });

  it('moves to the business day before, looking ahead', () => {
    const friday = told(
      nextOccurrences(under('previous-business-day', '0 6 25 * *'), new Date('2026-12-01T12:00:00Z'), 1),
    );
    expect(friday).toEqual(['2026-12-24 planned moved here from 2026-12-25 (Christmas Day)']);
  });

  it('moves over the end of the year', () => {
    const first = told(
      nextOccurrences(under('next-business-day', '0 6 31 12 *'), new Date('2026-12-02T00:00Z'), 1),
    );
    expect(first).toEqual(['2027-01-04 planned moved here from 2026-12-31 (Thursday)']);
    const last = told(
      nextOccurrences(under('previous-business-day', '0 6 1 1 *'), new Date('2026-12-02T00:00Z'), 1),
    );
    expect(last).toEqual(['2026-12-30 planned moved here from 2027-01-01 (New Year)']);
  });
});

describe('the due times of a date', () => {
  it('are those that the clocks of the zone show on it', () => {
    expect(iso(occurrencesOn(berlin('0 0,23 * * *'), '2026-11-20'))).toEqual([
      '2026-11-19T23:00:00.000Z',
      '2026-11-20T22:00:00.000Z',
    ]);
    expect(occurrencesOn({ cron: '0 12 * * *', timeZone: 'Pacific/Apia' }, '2011-12-30')).toEqual([]);
  });
});

describe('a schedule that cannot be read', () => {
  it.each([
    ['* * * *', 'UTC', 'cron', 'it has 4 field(s)'],
    ['', 'UTC', 'cron', 'it has 0 field(s)'],
    ['61 * * * *', 'UTC', 'cron', '61 is not from 0 to 59'],
    ['0 0 0 * * *', 'UTC', 'cron', 'no field for seconds'],
    ['every day', 'UTC', 'cron', 'write five'],
    ['@daily', 'UTC', 'cron', 'write five fields instead of a nickname: 0 0 * * *'],
    ['@reboot', 'UTC', 'cron', 'nothing falls due at a reboot'],
    ['0 0 ? * 1', 'UTC', 'cron', 'write *'],
    ['0 0 L * *', 'UTC', 'cron', 'the last day'],
    ['0 0 * * 5L', 'UTC', 'cron', 'the last day'],
    ['0 0 15W * *', 'UTC', 'cron', 'calendar'],
    ['0 0 * * 1#2', 'UTC', 'cron', 'nth weekday'],
    ['H 0 * * *', 'UTC', 'cron', 'jitter'],
    ['5/15 * * * *', 'UTC', 'cron', 'write 5-59/15'],
    ['*/90 * * * *', 'UTC', 'cron', 'write 0'],
    ['*/0 * * * *', 'UTC', 'cron', 'a step of 0'],
    ['0 22-6 * * *', 'UTC', 'cron', 'write 22-23,0-6'],
    ['0 0 * * fri-mon', 'UTC', 'cron', 'runs backwards'],
    ['0 0 * foo *', 'UTC', 'cron', 'none of jan, feb'],
    ['1,,2 * * * *', 'UTC', 'cron', 'a number is missing'],
    ['-1 * * * *', 'UTC', 'cron', 'no number, range, list or step'],
    ['1.5 * * * *', 'UTC', 'cron', 'no number, range, list or step'],
    ['0 0 30 2 *', 'UTC', 'cron', 'no month that it names has a day 30'],
    ['0 0 31 4,6 *', 'UTC', 'cron', 'never falls due'],
    ['0 0 * * *', 'Europe/Atlantis', 'timeZone', 'IANA'],
    ['0 0 * * *', '+01:00', 'timeZone', 'IANA'],
  ])('is refused with the field and the reason: %s in %s', (cron, timeZone, field, why) => {
    const refused = refusalOf({ cron, timeZone });
    expect(refused.field).toBe(field);
    expect(refused.message).toContain(why);
  });
});

function refusalOf(rule: ScheduleRule): ScheduleRefused {
  try {
    nextOccurrence(rule, new Date());
  } catch (error) {
    if (error instanceof ScheduleRefused) return error;
    throw error;
  }
  throw new Error(`${rule.cron} was accepted`);
}
