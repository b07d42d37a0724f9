import { describe, expect, it } from 'vitest';
import { clockOffsetOf, timePrecisionOf, timeToSet, tookTime } from './clock.js';

const now = new Date('2026-03-29T01:30:00Z');
const set = timeToSet(now);
const HOUR_S = 3600;

describe('the steps of the times that a server tells', () => {
  it.each([
    ['seconds', set, 1000],
    ['seconds, with a clock in another time zone', set + HOUR_S, 1000],
    ['two seconds, rounded down', set - 1, 2000],
    ['two seconds, rounded up', set + 1, 2000],
    ['minutes', set - (set % 60), 60_000],
    ['minutes, with a clock in another time zone', set - (set % 60) - 5 * HOUR_S, 60_000],
    ['hours', set - (set % HOUR_S), 3_600_000],
    ['days', set - (set % 86_400), 86_400_000],
    ['something else', set + 20, null],
    ['some even number', set + 9, null],
  ])('are %s', (_, told, precisionMs) => {
    expect(tookTime(set, told)).toBe(true);
    expect(timePrecisionOf(set, told)).toBe(precisionMs);
  });

  it('are not concluded from the time of writing, whatever the time zone', () => {
    for (let hour = 0; hour < 24; hour++) {
      const writing = new Date(now.getTime() + hour * HOUR_S * 1000);
      for (const zone of [-12, 0, 14])
        expect(tookTime(timeToSet(writing), writing.getTime() / 1000 + zone * HOUR_S)).toBe(false);
    }
  });
});

describe('the offset of a clock', () => {
  const since = 1_000_000_300;
  const until = since + 400;

  it('is 0 where both clocks may say the same', () => {
    expect(clockOffsetOf({ since, until, told: 1_000_000 }, 1000)).toBe(0);
    expect(clockOffsetOf({ since, until: since + 1000, told: 1_000_001 }, 1000)).toBe(0);
    expect(clockOffsetOf({ since, until, told: 1_000_000 - (1_000_000 % 60) }, 60_000)).toBe(0);
  });

  it('is told to the second, ahead and behind', () => {
    expect(clockOffsetOf({ since, until, told: 1_000_000 + HOUR_S }, 1000)).toBe(3_600_000);
    expect(clockOffsetOf({ since, until, told: 1_000_000 - 90 }, 1000)).toBe(-90_000);
  });
});
