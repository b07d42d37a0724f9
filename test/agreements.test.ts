import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from './support/api.js';
import { Cleanup } from './support/cleanup.js';
import { defineExchange, type Exchange, PARTNER } from './support/exchange.js';
import { makeFile, sha256 } from './support/files.js';
import { type Fleet, startFleet } from './support/fleet.js';

const MIB = 1024 ** 2;

/** What partners agree on beyond single files, against OpenSSH, with workers that are killed meanwhile. */
describe('as agreed', () => {
  const cleanup = new Cleanup();
  let fleet: Fleet & AsyncDisposable;
  let exchange: Exchange & AsyncDisposable;

  beforeAll(async () => {
    fleet = await startFleet('postgresql', { WAYBILL_LEASE_MS: '1500' }, { workers: 0 });
    cleanup.defer(() => fleet[Symbol.asyncDispose]());
    exchange = await defineExchange(fleet.api);
    cleanup.defer(() => exchange[Symbol.asyncDispose]());
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  /** A pull from a directory of its own into one of its own. */
  async function agree(name: string, files: Record<string, string | number>, definition: Json = {}) {
    const [from, to] = [join(exchange.remote, name), join(exchange.local, name)];
    await Promise.all([from, to].map((directory) => mkdir(directory)));
    for (const [file, content] of Object.entries(files))
      if (typeof content === 'number') await makeFile(join(from, file), content);
      else await writeFile(join(from, file), content);
    const { source, ...others } = definition;
    await exchange.define(name, 'pull', {
      definition: {
        source: { endpointId: PARTNER, directory: name, selection: { settleMs: 0 }, ...source },
        target: { endpointId: 'ours', directory: name },
        disposition: { kind: 'delete' },
        ...others,
      },
    });
    return { from, to, visible: async () => (await readdir(to)).filter((file) => !file.startsWith('.')) };
  }

  /** Kills a worker once a file of the run is on its way. */
  async function killInTheMiddle(id: string): Promise<void> {
    const worker = fleet.startWorker();
    for (const deadline = Date.now() + 60_000; ; ) {
      const deliveries = await fleet.api.all(`/runs/${id}/deliveries`);
      if (deliveries.some(({ checkpointBytes }) => checkpointBytes > 0)) break;
      if (Date.now() > deadline)
        expect.fail(`no checkpoint: ${JSON.stringify(deliveries)}\n${worker.output}`);
    }
    await worker.end('SIGKILL');
  }

  it('a claimed file survives a kill under its claimed name, and is gone once it is delivered', async () => {
    const claim = { suffix: '.processing' };
    const { from, to } = await agree('claimed', { 'big.bin': 512 * MIB }, { source: { claim } });
    const expected = await sha256(join(from, 'big.bin'));
    const { id } = await fleet.api.run('claimed');
    await killInTheMiddle(id);
    expect(await readdir(from)).toEqual([
      expect.stringMatching(/^big\.bin\.waybill-[0-9a-f]{12}\.processing$/),
    ]);

    const worker = fleet.startWorker();
    const run = await fleet.api.settled(id);
    await worker.end('SIGTERM');
    expect(run).toMatchObject({ state: 'succeeded', files: { delivered: 1 } });
    expect(await readdir(from)).toEqual([]);
    expect(await readdir(to)).toEqual(['big.bin']);
    expect(await sha256(join(to, 'big.bin'))).toBe(expected);
  });

  it('a claimed file of a run that is cancelled after a kill gets its name back by the next run', async () => {
    const claim = { directory: 'cancelled/taken' };
    const { from, to } = await agree('cancelled', { 'big.bin': 512 * MIB }, { source: { claim } });
    const { id } = await fleet.api.run('cancelled');
    await killInTheMiddle(id);
    await fleet.api.post(`/runs/${id}/cancel`);
    expect(await readdir(join(from, 'taken'))).toHaveLength(1);

    const worker = fleet.startWorker();
    expect(await fleet.api.settled(id)).toMatchObject({ state: 'cancelled' });
    const next = await fleet.api.settled((await fleet.api.run('cancelled')).id);
    await worker.end('SIGTERM');
    expect(next).toMatchObject({ state: 'succeeded', files: { delivered: 1 } });
    expect(await readdir(from)).toEqual(['taken']);
    expect(await readdir(join(from, 'taken'))).toEqual([]);
    expect(await readdir(to)).toContain('big.bin');
  });

  it('a set shows nothing until all of it has arrived, and nothing of it is lost by a kill', async () => {
    const files = { 'a.csv': 'a', 'batch.ctl': 'a.csv big.bin', 'big.bin': 512 * MIB };
    const set = { controlFile: '*.ctl' };
    const { from, to, visible } = await agree('whole', files, { set, concurrency: 3 });
    const { id } = await fleet.api.run('whole');
    await killInTheMiddle(id);
    expect(await visible()).toEqual([]);

    const worker = fleet.startWorker();
    const run = await fleet.api.settled(id);
    await worker.end('SIGTERM');
    expect(run).toMatchObject({ state: 'succeeded', files: { delivered: 3 } });
    expect((await readdir(to)).sort()).toEqual(Object.keys(files).sort());
    expect(await readdir(from)).toEqual([]);
  });

  it('a set of which one file fails delivers nothing, says why, and is delivered by a retry', async () => {
    const files = { 'a.csv': 'a', 'b.csv': 'b' };
    const { from, to } = await agree('half', files, { set: {}, conflict: 'fail' });
    await writeFile(join(to, 'b.csv'), 'theirs');
    const worker = fleet.startWorker();
    const { id } = await fleet.api.run('half');
    expect(await fleet.api.settled(id)).toMatchObject({
      state: 'failed',
      failure: { code: 'already-exists' },
    });
    const deliveries = await fleet.api.all(`/runs/${id}/deliveries`);
    expect(Object.fromEntries(deliveries.map((one: Json) => [one.sourcePath, one.failure.code]))).toEqual({
      'half/a.csv': 'set-incomplete',
      'half/b.csv': 'already-exists',
    });
    expect(await readdir(to)).toEqual(['b.csv']);
    expect((await readdir(from)).sort()).toEqual(Object.keys(files));

    await rm(join(to, 'b.csv'));
    await fleet.api.post(`/runs/${id}/retry`);
    expect(await fleet.api.settled(id)).toMatchObject({ state: 'succeeded', files: { delivered: 2 } });
    await worker.end('SIGTERM');
    expect((await readdir(to)).sort()).toEqual(Object.keys(files));
    expect(await readdir(from)).toEqual([]);
  });
});
