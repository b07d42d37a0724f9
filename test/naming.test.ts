import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup } from './support/cleanup.js';
import { defineExchange, type Exchange } from './support/exchange.js';
import { type Fleet, startFleet } from './support/fleet.js';

describe('names at the target', () => {
  const cleanup = new Cleanup();
  let fleet: Fleet & AsyncDisposable;
  let exchange: Exchange & AsyncDisposable;

  beforeAll(async () => {
    fleet = await startFleet('postgresql');
    cleanup.defer(() => fleet[Symbol.asyncDispose]());
    exchange = await defineExchange(fleet.api);
    cleanup.defer(() => exchange[Symbol.asyncDispose]());
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it.each(['push', 'pull'] as const)(
    'a %s under the rule "rename" puts each file beside those that are there, and the receipt says where',
    async (direction) => {
      const [source, target] =
        direction === 'push' ? [exchange.local, exchange.remote] : [exchange.remote, exchange.local];
      await exchange.define(`beside-${direction}`, direction, {
        definition: {
          target: {
            ...{ endpointId: direction === 'push' ? 'acme-sftp' : 'ours', directory: 'in' },
            renameSuffix: '_{n}',
          },
          disposition: { kind: 'delete' },
          conflict: 'rename',
        },
      });
      const names = ['day.csv', 'day_1.csv', 'day_2.csv'];
      for (const name of names) {
        await writeFile(join(source, 'out', 'day.csv'), `to become ${name}`);
        const run = await fleet.api.settled((await fleet.api.run(`beside-${direction}`)).id);
        expect(run).toMatchObject({ state: 'succeeded', files: { delivered: 1 } });
        const { receipt } = await fleet.api.get(`/runs/${run.id}/receipt`);
        expect(receipt.deliveries).toMatchObject([{ targetPath: `in/${name}` }]);
      }
      expect((await readdir(join(target, 'in'))).sort()).toEqual(names);
      for (const name of names)
        expect(await readFile(join(target, 'in', name), 'utf8')).toBe(`to become ${name}`);
    },
  );
});
