import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { startCheckLane } from './check-lane.js';

const ever = 3_600_000;

/** A lane over a list of waiting checks, each of which goes on until the test ends it or the lane is closed. */
function start(waiting: string[], { atOnce = 2, lookEveryMs = ever } = {}) {
  const begun: string[] = [];
  const ended: string[] = [];
  const errors: unknown[] = [];
  const finishers = new Map<string, () => void>();
  const lane = startCheckLane<string>({
    atOnce,
    lookEveryMs,
    claim: async () => waiting.shift(),
    execute: async (check, signal) => {
      begun.push(check);
      await new Promise<void>((resolve) => {
        finishers.set(check, resolve);
        signal.addEventListener('abort', () => resolve());
      });
      ended.push(check);
      if (check === 'bad') throw new Error('the database is down');
    },
    onError: (error) => errors.push(error),
  });
  return { lane, begun, ended, errors, finish: (check: string) => finishers.get(check)?.() };
}

const stop = new Error('the worker stops');

it('carries out no more at once than it may, and the next as soon as one has ended', async () => {
  const { lane, begun, finish } = start(['a', 'b', 'c']);
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b']));
  await sleep(20);
  expect(begun).toEqual(['a', 'b']);
  finish('a');
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b', 'c']));
  await lane.close(stop);
});

it('looks at once when it is told to, and by itself where nothing tells it', async () => {
  const waiting: string[] = [];
  const told = start(waiting);
  await sleep(20);
  waiting.push('a');
  told.lane.look();
  await vi.waitFor(() => expect(told.begun).toEqual(['a']));
  await told.lane.close(stop);

  const alone = start(waiting, { lookEveryMs: 10 });
  waiting.push('b');
  await vi.waitFor(() => expect(alone.begun).toEqual(['b']));
  await alone.lane.close(stop);
});

it('goes on after a check that threw', async () => {
  const { lane, begun, errors, finish } = start(['bad', 'next'], { atOnce: 1 });
  await vi.waitFor(() => expect(begun).toEqual(['bad']));
  finish('bad');
  await vi.waitFor(() => expect(begun).toEqual(['bad', 'next']));
  expect(errors).toEqual([new Error('the database is down')]);
  await lane.close(stop);
});

it('closed, it stops what is under way, waits for its end, and takes nothing more', async () => {
  const waiting = ['a'];
  const { lane, begun, ended } = start(waiting);
  await vi.waitFor(() => expect(begun).toEqual(['a']));
  await lane.close(stop);
  expect(ended).toEqual(['a']);
  waiting.push('b');
  lane.look();
  await sleep(20);
  expect(begun).toEqual(['a']);
});
