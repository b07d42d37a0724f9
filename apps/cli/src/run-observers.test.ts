import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Run } from '@waybill/contract';
import { expect, it } from 'vitest';
import { describeState, displayRun } from './run-observers.js';

const run: Run = {
  id: '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10',
  transferId: '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a11',
  transferName: 'acme-in',
  version: 1,
  state: 'running',
  trigger: 'request',
  occurrenceId: null,
  dueAt: null,
  pool: 'default',
  epoch: 1,
  attemptsUsed: 0,
  notBefore: null,
  waiting: null,
  cancelRequestedAt: null,
  failure: null,
  files: { selected: 2, delivered: 0, failed: 0, skipped: 0 },
  bytesSelected: 2048,
  bytesMoved: 0,
  createdAt: '2026-03-01T06:00:00.000Z',
  startedAt: '2026-03-01T06:00:01.000Z',
  finishedAt: null,
};
const failure = {
  code: 'connection-lost',
  message: 'acme-sftp: the connection ended',
  owner: 'network',
  remedy: 'Usually nothing.',
} as const;

it('says in one line how a run is', () => {
  expect(describeState({ ...run, state: 'held', failure })).toBe(
    'held until somebody decides: connection-lost',
  );
  expect(describeState({ ...run, state: 'queued', failure, notBefore: '2026-03-01T06:01:00.000Z' })).toMatch(
    /^queued for the next attempt at 2026-03-01 06:01:00Z: connection-lost/,
  );
  const message = 'endpoint acme takes 1 run at once';
  const nowhere = { endpointId: null, endpointName: null };
  const waiting = { reason: 'max-runs' as const, message, since: run.createdAt, ...nowhere };
  const notBefore = '2026-03-01T06:01:00.000Z';
  expect(describeState({ ...run, state: 'queued', failure, notBefore, waiting })).toBe(
    'queued, waits because endpoint acme takes 1 run at once',
  );
  const delivered = { selected: 2, delivered: 2, failed: 0, skipped: 0 };
  const finishedAt = '2026-03-01T06:00:02.500Z';
  expect(describeState({ ...run, state: 'succeeded', files: delivered, bytesMoved: 2048, finishedAt })).toBe(
    'succeeded: 2 delivered, 0 failed, 0 skipped, 2.00 KiB in 1.5 s',
  );
});

it('writes plain lines where there is no terminal: each state once, progress now and then', async () => {
  const stream = new PassThrough();
  let now = 0;
  const display = displayRun(stream, () => now);
  const progress = { files: run.files, bytesSelected: 2048, moving: [] };

  display.run(run);
  display.run({ ...run, bytesMoved: 10 });
  display.progress({ ...progress, bytesMoved: 0 });
  now = 1_000;
  display.progress({ ...progress, bytesMoved: 1024 });
  now = 6_000;
  display.progress({ ...progress, bytesMoved: 2048 });
  display.end();
  stream.end();

  expect(await text(stream)).toBe(
    ['running', '0 B of 2.00 KiB, 0 of 2 files', '2.00 KiB of 2.00 KiB, 0 of 2 files, 205 B/s', ''].join(
      '\n',
    ),
  );
});
