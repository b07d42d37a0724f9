import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Superseded } from '@waybill/transfer';
import { expect, it, vi } from 'vitest';
import { CancelRequested, startHeartbeat } from './heartbeat.js';

const start = (renew: () => Promise<{ kept: boolean; cancelRequested: boolean }>, leaseMs = 60) => {
  const errors: unknown[] = [];
  const heartbeat = startHeartbeat({ leaseMs, renew, onError: (error) => errors.push(error) });
  return { heartbeat, errors };
};

it('renews the lease for as long as the attempt lasts, and not after', async () => {
  let beats = 0;
  const { heartbeat } = start(async () => {
    beats++;
    return { kept: true, cancelRequested: false };
  });
  await vi.waitFor(() => expect(beats).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
  await heartbeat[Symbol.asyncDispose]();
  const atEnd = beats;
  await sleep(60);
  expect(beats).toBe(atEnd);
  expect(heartbeat.signal.aborted).toBe(false);
});

it('aborts the attempt when another one has the run', async () => {
  const { heartbeat } = start(async () => ({ kept: false, cancelRequested: false }));
  await once(heartbeat.signal, 'abort');
  expect(heartbeat.signal.reason).toBeInstanceOf(Superseded);
  await heartbeat[Symbol.asyncDispose]();
});

it('hears of a cancellation as soon as it is poked', async () => {
  const { heartbeat } = start(async () => ({ kept: true, cancelRequested: true }), 60_000);
  heartbeat.poke();
  await once(heartbeat.signal, 'abort');
  expect(heartbeat.signal.reason).toBeInstanceOf(CancelRequested);
  await heartbeat[Symbol.asyncDispose]();
});

it('lets the attempt live through a short outage, and ends it when the lease must have run out', async () => {
  let beats = 0;
  const { heartbeat, errors } = start(async () => {
    beats++;
    throw new Error('the database is down');
  }, 1_200);
  await once(heartbeat.signal, 'abort');
  expect(beats).toBeGreaterThan(1);
  expect(errors).toHaveLength(beats);
  expect(heartbeat.signal.reason).toBeInstanceOf(Superseded);
  await heartbeat[Symbol.asyncDispose]();
});
