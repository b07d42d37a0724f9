import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { takeUntilAborted, untilAborted } from './until-aborted.js';

const reason = new Error('enough');

it('a wait ends with the reason as soon as it is aborted', async () => {
  const controller = new AbortController();
  const waiting = untilAborted(new Promise(() => {}), controller.signal);
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(untilAborted(Promise.reject(new Error('late')), controller.signal)).rejects.toBe(reason);
});

it('a wait that ends by itself leaves no listener behind', async () => {
  const { signal } = new AbortController();
  expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
  await expect(untilAborted(Promise.reject(reason), signal)).rejects.toBe(reason);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

it('a body is told when nobody takes from it any more', async () => {
  const ended: string[] = [];
  async function* body() {
    try {
      yield 1;
      yield 2;
    } finally {
      ended.push('closed');
    }
  }
  for await (const value of takeUntilAborted(body(), new AbortController().signal)) if (value === 1) break;
  expect(ended).toEqual(['closed']);
});
