import { describe, expect, it } from 'vitest';
import { catchUp, nextOccurrence, occurrences, ScheduleRefused } from './occurrences.js';

const berlin = (cron: string) => ({ cron, timeZone: 'Europe/Berlin' });
const iso = (times: Date[]) => times.map((t) => t.toISOString());

describe('due times', () => {
  it('lie after the first instant and up to the second, so that neighbouring spans share none', () => {
    const rule = { cron: '0 * * * *', timeZone: 'UTC' };
    const at = (h: number) => new Date(Date.UTC(2026, 0, 1, h));
    expect(iso(occurrences(rule, at(1), at(3)))).toEqual([at(2).toISOString(), at(3).toISOString()]);
  });

  it('run once, after the gap, on the day that summer time begins', () => {
    const day = occurrences(
      berlin('30 2 * * *'),
      new Date('2026-03-28T22:00:00Z'),
      new Date('2026-03-29T22:00:00Z'),
    );
    expect(iso(day)).toEqual(['2026-03-29T01:30:00.000Z']);
  });

  it('run once on the day that summer time ends', () => {
    const day = occurrences(
      berlin('30 2 * * *'),
      new Date('2026-10-24T22:00:00Z'),
      new Date('2026-10-25T22:00:00Z'),
    );
    expect(iso(day)).toEqual(['2026-10-25T00:30:00.000Z']);
  });

  it('neither pause nor double every hour while clocks change', () => {
    for (const from of ['2026-03-28T22:00:00Z', '2026-10-24T22:00:00Z']) {
      const start = new Date(from);
      const times = occurrences(berlin('0 * * * *'), start, new Date(start.getTime() + 8 * 3_600_000));
      expect(times.map((t) => (t.getTime() - start.getTime()) / 3_600_000)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    }
  });

  it('take either day field, as crontab does', () => {
    const next = nextOccurrence({ cron: '0 0 13 * 5', timeZone: 'UTC' }, new Date('2026-11-01T00:00:00Z'));
    expect(next.toISOString()).toBe('2026-11-06T00:00:00.000Z');
  });
});

describe('a schedule that cannot be read', () => {
  it.each([
    ['* * * *', 'UTC', 'cron'],
    ['61 * * * *', 'UTC', 'cron'],
    ['0 0 0 * * *', 'UTC', 'cron'],
    ['every day', 'UTC', 'cron'],
    ['0 0 * * *', 'Europe/Atlantis', 'timeZone'],
  ])('is refused with the field: %s in %s', (cron, timeZone, field) => {
    try {
      nextOccurrence({ cron, timeZone }, new Date());
      expect.unreachable('it was accepted');
    } catch (error) {
      expect(error).toBeInstanceOf(ScheduleRefused);
      expect((error as ScheduleRefused).field).toBe(field);
    }
  });
});

describe('catching up', () => {
  const now = new Date('2026-01-01T12:00:30Z');
  const due = ['2026-01-01T10:00:00Z', '2026-01-01T11:00:00Z', '2026-01-01T12:00:00Z'].map(
    (t) => new Date(t),
  );
  const missed = due.slice(0, 2);
  const actions = (times: Date[], rule: 'skip' | 'latest' | 'all') =>
    catchUp(times, rule, now, 60_000).map(({ action }) => action);

  it('always fires the one that is on time', () => {
    expect(actions(due, 'skip')).toEqual(['skip', 'skip', 'fire']);
    expect(actions(due, 'latest')).toEqual(['skip', 'skip', 'fire']);
    expect(actions(due, 'all')).toEqual(['fire', 'fire', 'fire']);
  });

  it('does with missed ones what the rule says', () => {
    expect(actions(missed, 'skip')).toEqual(['skip', 'skip']);
    expect(actions(missed, 'latest')).toEqual(['skip', 'fire']);
    expect(actions(missed, 'all')).toEqual(['fire', 'fire']);
  });
});
