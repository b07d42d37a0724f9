import { readdirSync, readFileSync } from 'node:fs';
import { newId } from '@waybill/domain';
import { expect, test } from 'vitest';
import { jobIdOf, queueNameOf, readRunJob } from './run-job.js';

test('gives the same run and epoch the same id, without a colon', () => {
  const runId = newId();
  expect(jobIdOf({ runId, epoch: 2 })).toBe(`${runId}_2`);
});

test.each(['', '-dmz', 'a:b', 'DMZ', 'a b', 'x'.repeat(64)])('refuses the pool name "%s"', (pool) => {
  expect(() => queueNameOf(pool)).toThrow(`worker pool "${pool}"`);
});

test('makes a queue of each pool', () => {
  expect([queueNameOf('default'), queueNameOf('dmz-2')]).toEqual(['runs-default', 'runs-dmz-2']);
});

test.each([[undefined], [{}], [{ runId: 'x', epoch: 0 }], [{ runId: newId(), epoch: '0' }]])(
  'takes %j for no run',
  (data) => {
    expect(() => readRunJob(data)).toThrow('not a run and its epoch');
  },
);

// BullMQ's QueueEvents loses events on PostgreSQL: ids are taken in another order than they are committed.
test('takes no state from QueueEvents', () => {
  const sources = readdirSync(import.meta.dirname).filter((name) => !name.endsWith('.test.ts'));
  expect(sources).toContain('consumer.ts');
  for (const name of sources)
    expect(readFileSync(`${import.meta.dirname}/${name}`, 'utf8'), name).not.toContain('QueueEvents');
});
