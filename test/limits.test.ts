import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Json } from './support/api.js';
import { defineExchange, PARTNER } from './support/exchange.js';
import { hashes, makeFile } from './support/files.js';
import { backends, startFleet } from './support/fleet.js';

const MIB = 1024 ** 2;

it.each(backends)(
  'a worker that is killed at a partner who takes one run at once gives the place back, the queue on %s',
  async (backend) => {
    await using fleet = await startFleet(backend, {}, { workers: 0 });
    await using exchange = await defineExchange(fleet.api);
    const limit = (limits: Json) => fleet.api.call('PATCH', `/endpoints/${PARTNER}`, { limits });
    await limit({ maxRuns: 1, bandwidth: [{ bytesPerSecond: MIB }] });
    await makeFile(join(exchange.local, 'out', 'large.bin'), 64 * MIB);
    await makeFile(join(exchange.local, 'out', 'small.bin'), 1_000);
    for (const name of ['large', 'small'])
      await exchange.define(name, 'push', {
        definition: {
          source: {
            ...{ endpointId: 'ours', directory: 'out', include: [`${name}.bin`] },
            selection: { settleMs: 0 },
          },
        },
      });

    const killed = fleet.startWorker();
    const { id: large } = await fleet.api.run('large');
    await fleet.api.until(large, (run) => run.bytesMoved > 0);
    const { id: small } = await fleet.api.run('small');
    await fleet.api.until(small, (run) => run.waiting?.reason === 'max-runs');
    await killed.end('SIGKILL');
    await limit({ maxRuns: 1 });
    fleet.startWorker();

    for (const id of [small, large])
      expect(await fleet.api.settled(id)).toMatchObject({ state: 'succeeded', waiting: null });
    const attemptsOf = async (id: string): Promise<Json[]> =>
      (await fleet.api.get(`/runs/${id}/attempts`)).items;
    const [ofLarge, ofSmall] = [await attemptsOf(large), await attemptsOf(small)];
    const told = JSON.stringify({ ofLarge, ofSmall });
    expect(ofLarge[0].state, told).toBe('lost');
    // Nobody was let in beside the other.
    const [again, only] = [ofLarge.at(-1), ofSmall.at(-1)];
    expect(only.finishedAt <= again.startedAt || again.finishedAt <= only.startedAt, told).toBe(true);
    expect(await hashes(join(exchange.remote, 'in'))).toEqual(await hashes(join(exchange.local, 'out')));
  },
  180_000,
);
