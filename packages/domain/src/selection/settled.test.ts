import { expect, it } from 'vitest';
import { type Look, whyUnsettled } from './settled.js';

const start = Date.parse('2026-03-01T06:00:00Z');
/** A look so many seconds after the start at a file that was modified so many seconds after it. */
const look = (at: number, modified: number, size = 10): Look => ({
  at: new Date(start + at * 1000),
  modifiedAt: new Date(start + modified * 1000),
  size,
});
const measured = { timePrecisionMs: 1000, clockOffsetMs: 0 };
const unmeasured = { timePrecisionMs: 1000, clockOffsetMs: undefined };

it.each([
  ['old by a measured clock', look(0, -6), undefined, measured, undefined],
  ['fresh', look(0, -5), undefined, measured, /modified 5000 ms ago, less than 6000 ms/],
  ['old, but by a clock that nobody measured', look(0, -60), undefined, unmeasured, /less than 66000 ms/],
  ['old by any clock', look(0, -66), undefined, unmeasured, undefined],
  ['of the future', look(0, 9), undefined, measured, /in the future/],
  [
    'old by their clock, which is an hour ahead',
    look(0, 3590),
    undefined,
    { ...measured, clockOffsetMs: 3_600_000 },
    undefined,
  ],
  ['the same after the interval', look(0, -1), look(2, -1), measured, undefined],
  ['of the future and the same', look(0, 9), look(2, 9), unmeasured, undefined],
  ['looked at again too soon', look(0, -1), look(1, -1), measured, /within 1000 ms/],
  ['larger', look(0, -100), look(2, -100, 11), measured, /from 10 to 11 bytes/],
  ['rewritten in place', look(0, -1), look(2, 1), measured, /its time went from/],
  [
    'the same within one step of a clock of minutes',
    look(0, -1),
    look(2, -1),
    { ...measured, timePrecisionMs: 60_000 },
    /60000 ms apart/,
  ],
  [
    'the same after a step of a clock of minutes',
    look(0, -1),
    look(60, -1),
    { ...measured, timePrecisionMs: 60_000 },
    undefined,
  ],
])('a file that is %s', (_, first, second, clock, why) => {
  const found = whyUnsettled(first, second, 2_000, clock);
  if (why) expect(found).toMatch(why);
  else expect(found).toBeUndefined();
});

it('is asked of no file where the interval is 0', () => {
  expect(whyUnsettled(look(0, 0), undefined, 0, measured)).toBeUndefined();
});
