import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { Checkpoints } from './checkpoints.js';
import { slowClock } from './testing/world.js';

/** Checkpoints of a file whose every byte is "x", with a journal that answers when told to. */
function opened({ now = () => new Date(0) } = {}) {
  const written: number[] = [];
  const answers: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const hash = createHash('sha256');
  const checkpoints = new Checkpoints({
    write: ({ bytes, sha256 }) => {
      expect(sha256).toBe(createHash('sha256').update('x'.repeat(bytes)).digest('hex'));
      written.push(bytes);
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    ...{ everyBytes: 10, start: 0, now },
  });
  let hashed = 0;
  const hashUpTo = (bytes: number) => {
    while (hashed < bytes) {
      hash.update('xxxxx');
      hashed += 5;
      checkpoints.hashed(hashed, hash);
    }
  };
  return { checkpoints, written, answers, hashUpTo };
}

const later = () => new Promise((resolve) => setImmediate(resolve));

it('writes only prefixes that were acknowledged', () => {
  const { checkpoints, written, hashUpTo } = opened();
  hashUpTo(40);
  checkpoints.acknowledged(9);
  expect(written).toEqual([]);
  checkpoints.acknowledged(39);
  expect(written).toEqual([30]);
});

it('has one write under way, and catches up with the newest afterwards', async () => {
  const { checkpoints, written, answers, hashUpTo } = opened({ now: slowClock() });
  hashUpTo(50);
  for (const bytes of [10, 20, 30]) checkpoints.acknowledged(bytes);
  expect(written).toEqual([10]);
  answers[0]?.resolve();
  await later();
  checkpoints.acknowledged(41);
  expect(written).toEqual([10, 40]);
});

it('writes at most once a second, and the rest when the move is broken off', async () => {
  const { checkpoints, written, answers, hashUpTo } = opened();
  hashUpTo(50);
  checkpoints.acknowledged(10);
  answers[0]?.resolve();
  await later();
  checkpoints.acknowledged(30);
  expect(written).toEqual([10]);
  const flushed = checkpoints.flush();
  await later();
  answers[1]?.resolve();
  await flushed;
  expect(written).toEqual([10, 30]);
});

it('stops the bytes when the journal refuses a write', async () => {
  const { checkpoints, answers, hashUpTo } = opened();
  hashUpTo(20);
  checkpoints.acknowledged(10);
  answers[0]?.reject(new Error('taken over'));
  await later();
  expect(() => hashUpTo(25)).toThrow('taken over');
  await expect(checkpoints.settle()).rejects.toThrow('taken over');
});
