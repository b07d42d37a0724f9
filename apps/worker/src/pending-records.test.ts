import { expect, it } from 'vitest';
import { pendingRecords } from './pending-records.js';

it('an attempt ends only when what it has learned is on record', async () => {
  let resolve = () => {};
  const writing = new Promise<void>((settle) => {
    resolve = settle;
  });
  const steps: string[] = [];
  const ending = (async () => {
    await using records = pendingRecords();
    records.add(
      writing.then(() => void steps.push('recorded')),
      () => expect.unreachable(),
    );
  })().then(() => steps.push('ended'));
  await Promise.resolve();
  expect(steps).toEqual([]);
  resolve();
  await ending;
  expect(steps).toEqual(['recorded', 'ended']);
});

it('what cannot be recorded is told of, and fails nothing', async () => {
  const told: unknown[] = [];
  const down = new Error('the database is down');
  const records = pendingRecords();
  records.add(Promise.reject(down), (error) => told.push(error));
  await records[Symbol.asyncDispose]();
  expect(told).toEqual([down]);
});
