import { expect, test } from 'vitest';
import { storableError } from './storable-error.js';

test.each([
  ['keeps an ordinary message', 'żółw 🐢: no route', 'żółw 🐢: no route'],
  ['leaves out NUL', 'a\0b', 'ab'],
  ['replaces lone surrogates', 'a\ud800b\udc00', 'a\ufffdb\ufffd'],
  ['cuts a long message, also inside of a character', `${'x'.repeat(1_999)}🐢`, `${'x'.repeat(1_999)}\ufffd`],
])('%s', (_promise, message, stored) => {
  expect(storableError(new Error(message)).message).toBe(stored);
  expect(storableError(message).message).toBe(stored);
});
