import { expect, test } from 'vitest';
import { matches } from './signals.js';

test.each([
  ['runs.1.cancel', 'runs.1.cancel', true],
  ['runs.1.cancel', 'runs.1', false],
  ['runs.>', 'runs.1', true],
  ['runs.>', 'runs.1.cancel', true],
  ['runs.>', 'runs.', false],
  ['runs.>', 'runs', false],
  ['runs.>', 'runsheet.1', false],
  ['>', 'workers.1', true],
])('a subscription to %s hears %s: %s', (pattern, topic, heard) => {
  expect(matches(pattern, topic)).toBe(heard);
});
