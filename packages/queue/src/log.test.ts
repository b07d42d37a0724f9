import { expect, test } from 'vitest';
import { withoutRepetitions } from './log.js';

test('writes what repeats once in 30 seconds, and everything else at once', () => {
  const written: unknown[] = [];
  let now = 0;
  const log = withoutRepetitions(
    (level, message) => written.push([now, level, message]),
    () => now,
  );
  for (const at of [0, 1_000, 29_999, 30_000]) {
    now = at;
    log('warn', 'no connection', new Error('refused'));
  }
  log('warn', 'no connection', new Error('reset'));
  log('error', 'no connection', new Error('refused'));
  expect(written).toEqual([
    [0, 'warn', 'no connection'],
    [30_000, 'warn', 'no connection'],
    [30_000, 'warn', 'no connection'],
    [30_000, 'error', 'no connection'],
  ]);
});
