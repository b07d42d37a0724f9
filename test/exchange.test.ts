import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup } from './support/cleanup.js';
import { defineExchange, type Exchange } from './support/exchange.js';
import { hashes, makeFile } from './support/files.js';
import { backends, type Fleet, startFleet } from './support/fleet.js';

const MIB = 1024 * 1024;

/** 200 files from nothing to 1 GiB under names that people really give them. */
async function makeTwoHundred(directory: string): Promise<void> {
  const sizes = [0, 1, 32_767, 32_768, 32_769, 261_120, 261_121, MIB, 8 * MIB + 7, 1024 * MIB];
  const names = [
    'with some spaces .csv',
    'Überweisung-äöü-日本語-🚚.xml',
    '-rf',
    'it\'s "quoted" $HOME `x`.txt',
    '*?[a]{b}',
  ];
  names.push('back\\slash', '.hidden-not', 'a'.repeat(200), 'trailing space ', '#!~;&|<>.dat');
  for (let i = 0; i < 200; i++) {
    const name = names[i] ?? `file-${String(i).padStart(3, '0')}.bin`;
    await makeFile(join(directory, name), sizes[i] ?? (i * 7919) % 200_000);
  }
}

describe.each(backends)('an exchange with a partner, the queue on %s', (backend) => {
  const cleanup = new Cleanup();
  let fleet: Fleet & AsyncDisposable;
  let exchange: Exchange & AsyncDisposable;

  beforeAll(async () => {
    fleet = await startFleet(backend);
    cleanup.defer(() => fleet[Symbol.asyncDispose]());
    exchange = await defineExchange(fleet.api);
    cleanup.defer(() => exchange[Symbol.asyncDispose]());
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it.each(['pull', 'push'] as const)(
    'a %s of 200 files from 0 B to 1 GiB arrives whole and leaves nothing behind',
    async (direction) => {
      const [source, target] =
        direction === 'push' ? [exchange.local, exchange.remote] : [exchange.remote, exchange.local];
      await makeTwoHundred(join(source, 'out'));
      await writeFile(join(source, 'out', 'two\nlines.csv'), 'refused');
      const before = await hashes(join(source, 'out'));

      await exchange.define(`two-hundred-${direction}`, direction, {
        definition: {
          source: {
            endpointId: direction === 'push' ? 'ours' : 'acme-sftp',
            directory: 'out',
            include: ['*', '.hidden*'],
          },
          disposition: { kind: 'archive', directory: 'archive' },
        },
      });
      const run = await fleet.api.settled((await fleet.api.run(`two-hundred-${direction}`)).id, 240_000);

      const deliveries = await fleet.api.all(`/runs/${run.id}/deliveries`);
      const refused = deliveries.filter((delivery) => delivery.state !== 'delivered');
      expect(refused).toHaveLength(1);
      expect(refused[0]).toMatchObject({ state: 'failed', failure: { code: 'path-refused' } });
      expect(refused[0].failure.message).toMatch(/control character \\n/);
      expect(run.state).toBe('partial');

      const arrived = await hashes(join(target, 'in'));
      before.delete('two\nlines.csv');
      expect(arrived).toEqual(before);
      for (const delivery of deliveries.filter(({ state }) => state === 'delivered'))
        expect(delivery.sha256).toBe(before.get(delivery.sourcePath.replace('out/', '')));
      expect(await readdir(join(source, 'out'))).toEqual(['two\nlines.csv']);
      expect(await readdir(join(source, 'archive'))).toHaveLength(200);
    },
  );

  it('takes the files that the rules mean, once they are written to their end, under the names they say', async () => {
    const remote = join(exchange.remote, 'ruled');
    await mkdir(join(remote, 'daily'), { recursive: true });
    for (const name of ['daily/a.csv', 'b.csv', 'c.csv']) {
      await writeFile(join(remote, name), name === 'b.csv' ? '' : name);
      if (name !== 'c.csv') await writeFile(join(remote, `${name}.done`), '');
    }
    const selection = {
      recursive: 'mirror',
      emptyFiles: 'fail',
      settleMs: 500,
      doneFile: { name: '{name}.done', afterwards: 'remove' },
    };
    await exchange.define('ruled', 'pull', {
      definition: {
        source: { endpointId: 'acme-sftp', directory: 'ruled', include: ['/[a-z]\\.csv/'], selection },
        target: { endpointId: 'ours', directory: 'ruled', name: '{seq:2}-{runId}{.ext}' },
        disposition: { kind: 'archive', directory: 'archive/ruled' },
      },
    });
    const { definition } = await fleet.api.get('/transfers/ruled');
    expect(definition.source.selection).toEqual(selection);
    const run = await fleet.api.settled((await fleet.api.run('ruled')).id, 60_000);

    expect(run.state).toBe('partial');
    const [empty] = await fleet.api.all(`/runs/${run.id}/deliveries?state=failed`);
    expect(empty).toMatchObject({ sourcePath: 'ruled/b.csv', failure: { code: 'unexpected-files' } });
    const tree = async (root: string) =>
      (await readdir(root, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
        .sort();
    expect(await tree(join(exchange.local, 'ruled'))).toEqual([`daily/01-${run.id}.csv`]);
    expect(await tree(remote)).toEqual(['b.csv', 'b.csv.done', 'c.csv']);
    expect(await tree(join(exchange.remote, 'archive/ruled'))).toEqual(['daily/a.csv']);

    await exchange.define('too-few', 'pull', {
      definition: {
        source: {
          ...{ endpointId: 'acme-sftp', directory: 'ruled', include: ['*'] },
          selection: { expect: { min: 9 }, settleMs: 0 },
        },
      },
    });
    const refused = await fleet.api.settled((await fleet.api.run('too-few')).id, 60_000);
    expect(refused).toMatchObject({ state: 'failed', failure: { code: 'unexpected-files' } });
  });

  it('a schedule that falls due makes exactly one run for each due time', async () => {
    const remote = join(exchange.remote, 'every-minute');
    await mkdir(remote, { recursive: true });
    await writeFile(join(remote, 'statement.csv'), 'a;b;c');
    await exchange.define('every-minute', 'pull', {
      definition: { source: { endpointId: 'acme-sftp', directory: 'every-minute', include: ['*.csv'] } },
    });
    await fleet.api.post('/schedules', {
      name: 'every-minute',
      transferId: 'every-minute',
      cron: '* * * * *',
      timeZone: 'Europe/Berlin',
    });

    const deadline = Date.now() + 75_000;
    let occurrences = [];
    while (occurrences.length === 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      occurrences = await fleet.api.all('/schedules/every-minute/occurrences');
    }
    expect(occurrences).toHaveLength(1);
    expect(occurrences[0]).toMatchObject({ state: 'fired' });
    const run = await fleet.api.settled(occurrences[0].runId);
    expect(run).toMatchObject({ state: 'succeeded', trigger: 'schedule', files: { delivered: 1 } });
    const runs = await fleet.api.all('/runs?transfer=every-minute');
    expect(new Set(runs.map(({ occurrenceId }) => occurrenceId)).size).toBe(runs.length);
    await fleet.api.call('PATCH', '/schedules/every-minute', { enabled: false });
  });

  it('a relay moves a file from one SFTP account to another', async () => {
    await writeFile(join(exchange.remote, 'out', 'relayed.txt'), 'from there to there');
    const { server } = exchange;
    await fleet.api.post('/endpoints', {
      name: 'second-sftp',
      settings: {
        kind: 'sftp',
        host: server.host,
        port: server.port,
        username: server.username,
        root: server.root,
      },
    });
    await fleet.api.post('/endpoints/second-sftp/host-keys', { key: server.hostKey });
    const { privateKey, passphrase } = server.encryptedClientKey;
    await fleet.api.call('PUT', '/endpoints/second-sftp/credential', {
      kind: 'private-key',
      privateKey,
      passphrase,
    });
    await exchange.define('relay', 'pull', {
      definition: {
        source: { endpointId: 'acme-sftp', directory: 'out', include: ['relayed.txt'] },
        target: { endpointId: 'second-sftp', directory: 'relayed' },
        disposition: { kind: 'delete' },
      },
    });
    const run = await fleet.api.settled((await fleet.api.run('relay')).id);
    expect(run).toMatchObject({ state: 'succeeded', files: { delivered: 1 } });
    expect(await readFile(join(server.root, 'relayed', 'relayed.txt'), 'utf8')).toBe('from there to there');
    expect(await readdir(join(exchange.remote, 'out'))).not.toContain('relayed.txt');
  });

  it('read-back proves arrival by reading the file again', async () => {
    await writeFile(join(exchange.local, 'out', 'proof.txt'), 'read me back');
    await exchange.define('proven', 'push', {
      definition: {
        source: { endpointId: 'ours', directory: 'out', include: ['proof.txt'] },
        verification: 'read-back',
        disposition: { kind: 'delete' },
      },
    });
    const run = await fleet.api.settled((await fleet.api.run('proven')).id);
    expect(run.state).toBe('succeeded');
    const [delivery] = await fleet.api.all(`/runs/${run.id}/deliveries`);
    expect(delivery).toMatchObject({ assurance: 'read-back', size: 12 });
    expect(await readdir(join(exchange.local, 'out'))).not.toContain('proof.txt');
  });
});

it('runs of one transfer that are asked for together never move the same file twice', async () => {
  await using fleet = await startFleet('postgresql', {}, { workers: 2 });
  await using exchange = await defineExchange(fleet.api);
  for (let i = 0; i < 20; i++) await makeFile(join(exchange.local, 'out', `file-${i}`), 100_000);
  const expected = await hashes(join(exchange.local, 'out'));
  await exchange.define('together', 'push', { definition: { disposition: { kind: 'delete' } } });
  const runs = await Promise.all(Array.from({ length: 4 }, () => fleet.api.run('together')));
  const ended = await Promise.all(runs.map(({ id }) => fleet.api.settled(id)));
  expect(ended.map(({ state }) => state)).toEqual(runs.map(() => 'succeeded'));
  expect(ended.map(({ files }) => files.delivered).sort((a, b) => a - b)).toEqual([0, 0, 0, 20]);
  expect(await hashes(join(exchange.remote, 'in'))).toEqual(expected);
});

it('a flushed Redis loses no run: every queued one is dispatched again within 30 s', async () => {
  await using fleet = await startFleet('redis', {}, { workers: 0 });
  await using exchange = await defineExchange(fleet.api);
  await writeFile(join(exchange.local, 'out', 'a.txt'), 'a');
  const runs = [];
  for (const name of ['kept-1', 'kept-2', 'kept-3', 'kept-4', 'kept-5']) {
    await exchange.define(name, 'push');
    runs.push(await fleet.api.run(name));
  }
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await fleet.redis?.flushAll();
  const flushedAt = Date.now();
  fleet.startWorker();
  for (const run of runs) expect((await fleet.api.settled(run.id, 40_000)).state).toBe('succeeded');
  expect(Date.now() - flushedAt).toBeLessThan(40_000);
});
