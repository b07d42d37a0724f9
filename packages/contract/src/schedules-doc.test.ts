import { readFileSync } from 'node:fs';
import type { HolidayCalendar } from '@waybill/domain';
import { nextOccurrences } from '@waybill/domain/occurrences';
import { describe, expect, it } from 'vitest';
import { createCalendar } from './calendars.js';
import { createSchedule, previewRule } from './schedules.js';

const text = readFileSync(new URL('../../../docs/schedules.md', import.meta.url), 'utf8');
const bodies = [...text.matchAll(/```json\n(.*?)\n```/gs)].map(([, json = '']) => JSON.parse(json));
const previews = [
  ...text.matchAll(/```json\n([^`]*?"count"[^`]*?)\n```\n\n\| due .*?\n\|[- |]+\n((?:\|.*\n)+)/g),
];

const calendars = new Map<string, HolidayCalendar>(
  bodies
    .filter((body) => 'holidays' in body)
    .map((body) => {
      const { name, weekend, holidays } = createCalendar.parse(body);
      return [name, { name, weekend, holidays: new Map(holidays.map(({ date, title }) => [date, title])) }];
    }),
);

describe('docs/schedules.md', () => {
  it.each(previews.map(([, json = '', table = '']) => [json, table]))('%s', (json, table) => {
    const { cron, timeZone, calendar, from, count } = previewRule.parse(JSON.parse(json));
    const days = calendar && calendars.get(calendar.id);
    const rule = { cron, timeZone, calendar: days && { rule: calendar.rule, days } };
    const due = nextOccurrences(rule, from ?? new Date(), count);
    const local = new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone, weekday: 'long', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    });
    const rows = table
      .trim()
      .split('\n')
      .map((row) => row.split('|').map((cell) => cell.trim()));
    expect(rows.map(([, at, wall]) => [at, wall])).toEqual(
      due.map(({ dueAt }) => [
        dueAt.toISOString().replace('.000Z', 'Z'),
        local.format(dueAt).replace(',', '').replace(' at', ''),
      ]),
    );
    for (const [i, { state, reason }] of due.entries())
      if (reason !== '') expect(rows[i]?.[3]).toBe(state === 'skipped' ? `skipped: ${reason}` : reason);
  });

  it('shows each member of a schedule once', () => {
    const whole = bodies.find((body) => 'transferId' in body);
    expect(createSchedule.safeParse(whole).error).toBeUndefined();
    expect(Object.keys(whole).sort()).toEqual(Object.keys(createSchedule.shape).sort());
  });

  it('previews something', () => {
    expect(previews).toHaveLength(4);
  });
});
