import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BandwidthRule, DailyWindow, MaintenanceWindow } from './limits.js';
import { weekdays } from './limits.js';
import { bandwidthAt, maintenanceEnd } from './windows.js';

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'];
const zone = fc.constantFrom(...zones);
const time = fc
  .integer({ min: 0, max: 1_439 })
  .map((m) => `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`);
const days = fc.option(fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }), { nil: undefined });
const daily: fc.Arbitrary<DailyWindow> = fc
  .record({ from: time, to: fc.oneof(time, fc.constant('24:00')), days, zone })
  .filter(({ from, to }) => from !== to);
const instant = fc.date({
  min: new Date('2025-12-01T00:00:00Z'),
  max: new Date('2027-12-01T00:00:00Z'),
  noInvalidDate: true,
});

/** What the clocks of the zone show: weekday and time. */
function shown(at: Date, timeZone: string) {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  }).formatToParts(at);
  const part = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  const day = weekdays.indexOf(part('weekday').toLowerCase() as (typeof weekdays)[number]);
  return { day, time: `${part('hour')}:${part('minute')}` };
}

/** Do the clocks change within two days of that instant? */
function isUnsteady(at: Date, timeZone: string): boolean {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  const offset = (ms: number) => format.formatToParts(ms).find((p) => p.type === 'timeZoneName')?.value;
  return offset(at.getTime() - 172_800_000) !== offset(at.getTime() + 172_800_000);
}

/** By the clock's face alone, which is enough on days without a change of the clocks. */
function isWithin({ from, to, days: on = weekdays, zone: timeZone }: DailyWindow, at: Date): boolean {
  const { day, time: now } = shown(at, timeZone);
  const begins = (index: number) => on.includes(weekdays[(index + 7) % 7] as (typeof weekdays)[number]);
  if (from < to) return begins(day) && from <= now && now < to;
  return (begins(day) && from <= now) || (begins(day - 1) && now < to);
}

describe('maintenance', () => {
  it('is what the clocks of the zone show, over midnight as well', () => {
    fc.assert(
      fc.property(daily, instant, (window, at) => {
        fc.pre(!isUnsteady(at, window.zone));
        expect(maintenanceEnd([window], at) !== undefined).toBe(isWithin(window, at));
      }),
      { numRuns: 400 },
    );
  });

  it('lasts to the end that it tells, and is over then, whatever the clocks do', () => {
    const dated = fc.tuple(instant, fc.integer({ min: 1, max: 5 * 86_400_000 })).map(([start, ms]) => ({
      startsAt: start.toISOString(),
      endsAt: new Date(start.getTime() + ms).toISOString(),
    }));
    // In one zone, and at least an hour free each day, so that it ends at all.
    const short = daily.filter(({ from, to }) => from < to && to < '23:00');
    const windows = zone.chain((inZone) =>
      fc.array(
        fc.oneof(
          short.map((window) => ({ ...window, zone: inZone })),
          dated,
        ) as fc.Arbitrary<MaintenanceWindow>,
        { maxLength: 3 },
      ),
    );
    fc.assert(
      fc.property(windows, instant, fc.double({ min: 0, max: 1, noNaN: true }), (all, at, part) => {
        const end = maintenanceEnd(all, at);
        if (end === undefined) return;
        expect(end.getTime()).toBeGreaterThan(at.getTime());
        expect(maintenanceEnd(all, end)).toBeUndefined();
        const between = new Date(at.getTime() + Math.floor((end.getTime() - at.getTime() - 1) * part));
        expect(maintenanceEnd(all, between)).toEqual(end);
      }),
      { numRuns: 400 },
    );
  });

  const night: DailyWindow = { from: '02:30', to: '03:30', zone: 'Europe/Berlin' };
  it.each([
    [
      'a start that is left out in spring falls on the first instant after the gap',
      night,
      '2026-03-29T01:00:00Z',
      '2026-03-29T01:30:00Z',
    ],
    ['before the gap it has not begun', night, '2026-03-29T00:59:59Z', undefined],
    [
      'a start that comes twice in autumn is the first one',
      night,
      '2026-10-25T00:30:00Z',
      '2026-10-25T02:30:00Z',
    ],
    [
      'an end that comes twice in autumn is the last one',
      { from: '01:00', to: '02:30', zone: 'Europe/Berlin' },
      '2026-10-25T00:45:00Z',
      '2026-10-25T01:30:00Z',
    ],
    [
      'an end that is left out in spring is the end of the gap',
      { from: '01:00', to: '02:30', zone: 'Europe/Berlin' },
      '2026-03-29T00:30:00Z',
      '2026-03-29T01:00:00Z',
    ],
    [
      'over midnight it belongs to the day on which it begins',
      { from: '23:00', to: '04:00', days: ['sat'], zone: 'UTC' },
      '2026-11-29T03:59:59.999Z',
      '2026-11-29T04:00:00Z',
    ],
    [
      'one that began before the clocks are put back over midnight goes on',
      { from: '00:00', to: '04:00', zone: 'America/St_Johns' },
      '2010-11-07T03:00:00Z',
      '2010-11-07T07:30:00Z',
    ],
    [
      'the day after has none',
      { from: '23:00', to: '04:00', days: ['sat'], zone: 'UTC' },
      '2026-11-28T03:00:00Z',
      undefined,
    ],
    [
      '24:00 is the end of the day',
      { from: '00:00', to: '24:00', days: ['sun'], zone: 'UTC' },
      '2026-11-29T12:00:00Z',
      '2026-11-30T00:00:00Z',
    ],
  ] as const)('%s', (_promise, window, at, end) => {
    expect(maintenanceEnd([window], new Date(at))).toEqual(end === undefined ? undefined : new Date(end));
  });
});

describe('bandwidth', () => {
  const rules: BandwidthRule[] = [
    { bytesPerSecond: 1, from: '08:00', to: '18:00', days: ['mon', 'tue'], zone: 'Europe/Berlin' },
    { bytesPerSecond: 2, days: ['sun'], zone: 'Europe/Berlin' },
    { bytesPerSecond: 3 },
  ];

  it.each([
    ['2026-11-23T07:00:00Z', 1],
    ['2026-11-23T06:59:59Z', 3],
    ['2026-11-23T17:00:00Z', 3],
    ['2026-11-22T12:00:00Z', 2],
    ['2026-11-22T23:00:00Z', 3],
  ])('at %s is that of the first rule whose time it is', (at, bytesPerSecond) => {
    expect(bandwidthAt(rules, new Date(at))).toBe(bytesPerSecond);
  });

  it('is without limit where no rule holds', () => {
    expect(bandwidthAt(rules.slice(0, 2), new Date('2026-11-24T20:00:00Z'))).toBeUndefined();
    expect(bandwidthAt([], new Date())).toBeUndefined();
  });
});
