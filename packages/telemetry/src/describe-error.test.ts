import { expect, it } from 'vitest';
import { describeError } from './describe-error.js';

it('keeps what explains an error, causes included', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  expect(describeError(new TypeError('the database is away', { cause }))).toMatchObject({
    name: 'TypeError',
    message: 'the database is away',
    cause: { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
  });
});

it('leaves out whatever else a library hangs on its errors', () => {
  const error = Object.assign(new Error('terminated'), { client: { password: 'hunter2' } });
  expect(JSON.stringify(describeError(error))).not.toContain('hunter2');
});

it('ends where causes go round in a circle', () => {
  const error = new Error('round and round');
  error.cause = error;
  expect(JSON.stringify(describeError(error)).length).toBeLessThan(20_000);
});

it('takes what is thrown and is no error', () => {
  expect(describeError('a string')).toEqual({ name: 'no error', message: 'a string' });
});
