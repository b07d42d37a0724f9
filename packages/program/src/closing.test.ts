import { expect, it } from 'vitest';
import { Closing } from './closing.js';

it('closes in reverse order, goes on after a failure, and names what failed', async () => {
  const closed: string[] = [];
  const closing = new Closing();
  closing.add('the database', async () => closed.push('database'));
  closing.add('the queue', async () => {
    throw new Error('its server is gone');
  });
  closing.add('the API', async () => closed.push('api'));
  await expect(closing.close()).rejects.toThrow('closing the queue');
  expect(closed).toEqual(['api', 'database']);
  await closing.close();
  expect(closed).toHaveLength(2);
});
