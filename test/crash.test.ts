import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from './support/api.js';
import { Cleanup } from './support/cleanup.js';
import { defineExchange, type Exchange, PARTNER } from './support/exchange.js';
import { hashes, makeFile } from './support/files.js';
import { backends, type Fleet, startFleet } from './support/fleet.js';

const GIB = 1024 ** 3;
const KILLS = 10;

describe.each(backends)('a worker that is killed in the middle of its files, the queue on %s', (backend) => {
  const cleanup = new Cleanup();
  let fleet: Fleet & AsyncDisposable;
  let exchange: Exchange & AsyncDisposable;

  beforeAll(async () => {
    fleet = await startFleet(backend, { WAYBILL_LEASE_MS: '1500' }, { workers: 0 });
    cleanup.defer(() => fleet[Symbol.asyncDispose]());
    exchange = await defineExchange(fleet.api);
    cleanup.defer(() => exchange[Symbol.asyncDispose]());
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it.each(['push', 'pull'] as const)(
    `a %s of 1 GiB survives ${KILLS} kills: resumed, delivered once, never visible half`,
    async (direction) => {
      const [from, to] =
        direction === 'push' ? [exchange.local, exchange.remote] : [exchange.remote, exchange.local];
      await makeFile(join(from, 'out', `${direction}.bin`), GIB);
      await exchange.define(direction, direction, {
        definition: {
          source: { endpointId: direction === 'push' ? 'ours' : PARTNER, directory: 'out' },
          disposition: { kind: 'archive', directory: 'archive' },
        },
      });
      const expected = await hashes(join(from, 'out'));
      const { id } = await fleet.api.run(direction);

      let checkpoint = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const worker = fleet.startWorker();
        await checkpointBeyond(id, checkpoint);
        await worker.end('SIGKILL');
        checkpoint = (await deliveryOf(id)).checkpointBytes;
        expect(await readdir(join(to, 'in')), 'no half file under the final name').not.toContain(
          `${direction}.bin`,
        );
      }

      const last = fleet.startWorker();
      const run = await fleet.api.settled(id);
      await last.end('SIGTERM');
      expect(run.state, JSON.stringify(run)).toBe('succeeded');
      expect((await deliveryOf(id)).resumedFrom).toBe(checkpoint);
      const { items: attempts } = await fleet.api.get(`/runs/${id}/attempts`);
      expect(attempts.map(({ state }: Json) => state)).toEqual([...Array(KILLS).fill('lost'), 'succeeded']);
      const arrived = await hashes(join(to, 'in'));
      expect(arrived.get(`${direction}.bin`)).toBe(expected.get(`${direction}.bin`));
      expect(arrived.size, 'no part file left').toBe(1);
      expect(await hashes(join(from, 'archive'))).toEqual(expected);
      expect(await fleet.api.all(`/audit-events?type=run.succeeded&subjectId=${id}`)).toHaveLength(1);
    },
  );

  async function deliveryOf(runId: string): Promise<Json> {
    const [delivery] = await fleet.api.all(`/runs/${runId}/deliveries`);
    return delivery;
  }

  /** Waits until more of the file is safely at the target than at the last kill. */
  async function checkpointBeyond(runId: string, bytes: number): Promise<void> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
      const delivery = await deliveryOf(runId);
      expect(delivery?.state, 'delivered too soon for the test').not.toBe('delivered');
      if (delivery && delivery.checkpointBytes > bytes) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect.fail(`no checkpoint beyond ${bytes}: ${JSON.stringify(await fleet.api.get(`/runs/${runId}`))}`);
  }
});

it('a worker that is stopped hands its run back, using up no attempt, and another one goes on', async () => {
  await using fleet = await startFleet('postgresql', { WAYBILL_GRACE_MS: '0' }, { workers: 0 });
  await using exchange = await defineExchange(fleet.api);
  await makeFile(join(exchange.local, 'out', 'big.bin'), GIB);
  await exchange.define('handed-back', 'push');
  const { id } = await fleet.api.run('handed-back');
  const first = fleet.startWorker();
  await fleet.api.until(id, (run) => run.bytesMoved > 0);
  expect(await first.end('SIGTERM')).toBe(0);
  fleet.startWorker();
  const run = await fleet.api.settled(id);
  expect(run).toMatchObject({ state: 'succeeded', attemptsUsed: 0 });
  const { items: attempts } = await fleet.api.get(`/runs/${id}/attempts`);
  expect(attempts.map(({ state }: Json) => state).sort()).toEqual(['handed-back', 'succeeded']);
  expect(await hashes(join(exchange.remote, 'in'))).toEqual(await hashes(join(exchange.local, 'out')));
});

it('a run that is cancelled while bytes move stops soon, and its part file can be continued by a retry', async () => {
  await using fleet = await startFleet('postgresql');
  await using exchange = await defineExchange(fleet.api);
  await makeFile(join(exchange.local, 'out', 'big.bin'), GIB);
  await exchange.define('cancelled', 'push');
  const { id } = await fleet.api.run('cancelled');
  await fleet.api.until(id, (run) => run.bytesMoved > 0);
  await fleet.api.post(`/runs/${id}/cancel`);
  expect((await fleet.api.settled(id, 10_000)).state).toBe('cancelled');
  expect(await readdir(join(exchange.remote, 'in'))).not.toContain('big.bin');
  await fleet.api.post(`/runs/${id}/retry`);
  expect((await fleet.api.settled(id)).state).toBe('succeeded');
  expect(await hashes(join(exchange.remote, 'in'))).toEqual(await hashes(join(exchange.local, 'out')));
});
