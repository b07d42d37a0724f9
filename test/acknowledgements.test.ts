import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Json } from './support/api.js';
import { defineExchange, PARTNER } from './support/exchange.js';
import { startFleet } from './support/fleet.js';

it('an acknowledgement is waited for whatever becomes of the worker, and the next run waits behind it', async () => {
  await using fleet = await startFleet('postgresql', {}, { workers: 0 });
  await using exchange = await defineExchange(fleet.api);
  const { local, remote } = exchange;
  await writeFile(join(local, 'out', 'day.csv'), 'a;b\n');
  const acknowledgement = { name: '{name}.ack', timeoutMs: 3_600_000, afterwards: 'remove' };
  await exchange.define('acknowledged', 'push', {
    definition: {
      target: { endpointId: PARTNER, directory: 'in', acknowledgement },
      disposition: { kind: 'delete' },
    },
  });
  const { id } = await fleet.api.run('acknowledged');
  const { id: nextId } = await fleet.api.run('acknowledged');
  const first = fleet.startWorker();
  await fleet.api.until(id, (run) => run.state === 'queued' && run.files.delivered === 1);
  await fleet.api.until(nextId, ({ waiting }) => waiting?.message.includes(`run ${id}`));
  await first.end('SIGKILL');
  expect(await readdir(join(local, 'out'))).toEqual(['day.csv']);
  await writeFile(join(remote, 'in', 'day.csv.ack'), '');

  fleet.startWorker();
  expect(await fleet.api.settled(id)).toMatchObject({ state: 'succeeded', attemptsUsed: 0 });
  expect(await fleet.api.settled(nextId)).toMatchObject({ state: 'succeeded', files: { selected: 0 } });
  expect([await readdir(join(local, 'out')), await readdir(join(remote, 'in'))]).toEqual([[], ['day.csv']]);
  const { receipt } = await fleet.api.get(`/runs/${id}/receipt`);
  const acknowledgedAt = expect.any(String);
  expect(receipt.deliveries).toMatchObject([{ assurance: 'acknowledged', acknowledgedAt }]);
  const told = await fleet.api.all(`/audit-events?type=run.acknowledged&subjectId=${id}`);
  expect(told.map(({ data }: Json) => data)).toMatchObject([{ acknowledged: 1, of: 1 }]);
});
