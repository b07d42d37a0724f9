import { expect, it } from 'vitest';
import { storageError } from './local-errors.js';

it.each([
  ['EACCES', 'permission-denied'],
  ['EPERM', 'permission-denied'],
  ['EROFS', 'permission-denied'],
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EEXIST', 'already-exists'],
  ['ENOTDIR', 'not-found'],
  ['ELOOP', 'path-refused'],
  ['EXDEV', 'unsupported'],
  ['EIO', 'unknown'],
])('%s is %s', (code, expected) => {
  const cause = Object.assign(new Error(`${code}: the reason, open '/proc/self/fd/7/a'`), {
    code,
    syscall: 'open',
  });
  expect(storageError('read "a"', cause)).toMatchObject({
    code: expected,
    owner: 'us',
    message: `can't read "a": the reason (${code})`,
    cause,
  });
});

it('an error that the operating system knows nothing of is left as it is', () => {
  const error = Object.assign(new Error('ours'), { code: 'ENOENT' });
  expect(storageError('read "a"', error)).toBe(error);
  expect(storageError('read "a"', 'a string')).toBe('a string');
});
