import { expect, it } from 'vitest';
import { newId } from '../ids.js';
import { isSteady, type SeenFile, whySeen } from './seen.js';

const start = Date.parse('2026-03-29T00:30:00Z');
const seconds = (n: number) => new Date(start + n * 1000);
const minutes = { timePrecisionMs: 60_000, clockOffsetMs: 0 };
const unmeasured = { timePrecisionMs: 1_000, clockOffsetMs: undefined };

it.each([
  ['modified within the last steps of its clock', 0, -119, minutes, false],
  ['older than two steps', 0, -120, minutes, true],
  ['older than two steps, by a clock that nobody measured', 0, -61, unmeasured, false],
  ['old by any clock', 0, -62, unmeasured, true],
  ['of the future', 0, 30, minutes, false],
  ['looked at until it was settled, which outlasts a step', 500, -1, minutes, true],
])('a file that is %s', (_, settleMs, modified, clock, steady) => {
  const look = { at: seconds(0), size: 10, modifiedAt: seconds(modified) };
  expect(isSteady(look, settleMs, clock)).toBe(steady);
});

const before: SeenFile = {
  ...{ size: 10, modifiedAt: seconds(0), steady: true },
  ...{ sha256: 'ab'.repeat(32), runId: newId(), deliveredAt: seconds(60) },
};

it('is seen if its size and time are the same, and would not be of other content', () => {
  const look = { size: 10, modifiedAt: seconds(0) };
  expect(whySeen(before, look)).toBe(
    `run ${before.runId} delivered it at 2026-03-29T00:31:00.000Z; its size and time are the same since`,
  );
  expect(whySeen({ ...before, steady: false }, look)).toBeUndefined();
  expect(whySeen(before, { ...look, size: 11 })).toBeUndefined();
  expect(whySeen(before, { ...look, modifiedAt: seconds(3600) })).toBeUndefined();
  expect(whySeen(before, { ...look, modifiedAt: seconds(-3600) })).toBeUndefined();
});
