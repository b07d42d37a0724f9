import { expect, it } from 'vitest';
import { whyGlobRefused } from './glob.js';
import { isId, newId } from './ids.js';
import { atLeast, finalRunStates, mayBecome, runMoves, runStates } from './run.js';
import { transferKind } from './transfer.js';

it('only a queued run can start', () => {
  expect(mayBecome('running')).toEqual(['queued']);
});

it('a person can send back to the queue whatever did not succeed', () => {
  expect(mayBecome('queued')).toEqual(['running', 'partial', 'failed', 'cancelled', 'held']);
});

it('no run leaves success', () => {
  expect(runMoves.succeeded).toEqual([]);
});

it('every state can be reached but the first, and every final one from running', () => {
  const unreachable = runStates.filter((state) => state !== 'queued' && mayBecome(state).length === 0);
  expect(unreachable).toEqual([]);
  expect(finalRunStates.every((state) => mayBecome(state).includes('running'))).toBe(true);
});

it('assurances are ordered by strength', () => {
  expect(atLeast('read-back', 'size')).toBe(true);
  expect(atLeast('size', 'read-back')).toBe(false);
});

it('ids are well-formed and sort by the time of their making', () => {
  const ids = [1_000, 2_000, 3_000].map((at) => newId(at));
  expect(ids.every(isId)).toBe(true);
  expect([...ids].sort()).toEqual(ids);
});

it('a transfer between two local endpoints is none of the kinds', () => {
  expect(transferKind('local', 'sftp')).toBe('push');
  expect(transferKind('sftp', 'local')).toBe('pull');
  expect(transferKind('sftp', 'sftp')).toBe('relay');
  expect(transferKind('local', 'local')).toBeUndefined();
});

it.each(['', 'a/b*', '*a*a*a*a*a*a*a*b', '@(a|b)', '{a,b}{c,d}{e,f}'])(
  'the pattern "%s" is refused',
  (pattern) => {
    expect(whyGlobRefused(pattern)).toMatch(/pattern|parentheses/);
  },
);

it.each(['*', '*.csv', 'report-{a,b}-??.[tc]sv', '.hidden*'])('the pattern "%s" is taken', (pattern) => {
  expect(whyGlobRefused(pattern)).toBeUndefined();
});
