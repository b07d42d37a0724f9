import { createHash } from 'node:crypto';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup } from './support/cleanup.js';
import { defineExchange, type Exchange, PARTNER } from './support/exchange.js';
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

  it.each(['push', 'pull'] as const)(
    'a %s under the rule "append" puts files one behind the other, and the receipt says what each added',
    async (direction) => {
      const [source, target] =
        direction === 'push' ? [exchange.local, exchange.remote] : [exchange.remote, exchange.local];
      await exchange.define(`behind-${direction}`, direction, {
        definition: {
          source: {
            ...{ endpointId: direction === 'push' ? 'ours' : PARTNER, directory: 'out' },
            ...{ include: ['*.line'], selection: { settleMs: 0 } },
          },
          target: {
            ...{ endpointId: direction === 'push' ? PARTNER : 'ours', directory: 'in' },
            name: 'lines.txt',
          },
          disposition: { kind: 'delete' },
          conflict: 'append',
          verification: 'read-back',
        },
      });
      const lines: string[] = [];
      for (const day of ['monday', 'tuesday', 'wednesday']) {
        const added = [1, 2, 3].map((n) => `${day} ${n}\n`);
        for (const [n, line] of added.entries())
          await writeFile(join(source, 'out', `${day}-${n}.line`), line);
        lines.push(...added);
        const run = await fleet.api.settled((await fleet.api.run(`behind-${direction}`)).id);
        expect(run).toMatchObject({ state: 'succeeded', files: { delivered: 3 } });
        const { receipt } = await fleet.api.get(`/runs/${run.id}/receipt`);
        expect(receipt.deliveries).toMatchObject(
          added.map((line) => ({
            ...{ targetPath: 'in/lines.txt', assurance: 'read-back' },
            sha256: createHash('sha256').update(line).digest('hex'),
          })),
        );
      }
      expect(await readFile(join(target, 'in', 'lines.txt'), 'utf8')).toBe(lines.join(''));
      expect(await readdir(join(source, 'out'))).not.toContain('monday-0.line');
      expect((await readdir(join(target, 'in'))).filter((name) => name.includes('waybill'))).toEqual([]);
    },
  );

  it.each([
    { kind: 'suffix', suffix: '.tmp' },
    { kind: 'prefix', prefix: '~' },
    { kind: 'directory', directory: 'tmp' },
    { kind: 'none' },
  ])('files arrive whole, with the time of the source and their mode, by %j', async (partNaming) => {
    const { kind } = partNaming;
    const sides = [
      { endpoint: PARTNER, direction: 'push', from: exchange.local, to: exchange.remote },
      { endpoint: 'ours', direction: 'pull', from: exchange.remote, to: exchange.local },
    ] as const;
    for (const { endpoint, direction, from, to } of sides) {
      const { settings } = await fleet.api.get(`/endpoints/${endpoint}`);
      const changed = await fleet.api.call('PATCH', `/endpoints/${endpoint}`, {
        settings: { ...settings, partNaming },
      });
      expect(changed.settings).toEqual({ ...settings, partNaming });
      expect(changed.warnings).toHaveLength(kind === 'none' ? 1 : 0);
      const name = `${direction}-${kind}`;
      await exchange.define(name, direction, {
        definition: {
          target: { endpointId: endpoint, directory: 'in', mode: '0640' },
          source: {
            ...{ endpointId: direction === 'push' ? 'ours' : PARTNER, directory: 'out' },
            ...{ include: [`${name}.csv`], selection: { settleMs: 0 } },
          },
        },
      });
      const time = new Date('2020-02-29T12:00:00Z');
      await writeFile(join(from, 'out', `${name}.csv`), name);
      await utimes(join(from, 'out', `${name}.csv`), time, time);
      const run = await fleet.api.settled((await fleet.api.run(name)).id);
      expect(run).toMatchObject({ state: 'succeeded', files: { delivered: 1 } });
      expect(await readFile(join(to, 'in', `${name}.csv`), 'utf8')).toBe(name);
      const { mtime, mode } = await stat(join(to, 'in', `${name}.csv`));
      expect({ mtime, mode: mode & 0o777 }).toEqual({ mtime: time, mode: 0o640 });
    }
    const left = (await readdir(exchange.remote, { recursive: true })).filter((path) => /tmp.+|~/.test(path));
    expect(left).toEqual([]);
  });
});
