import { readdir, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePath } from '@waybill/domain';
import type { Behaviour } from '@waybill/simulator';
import type { ListEntry, StorageEndpoint } from '@waybill/storage';
import { afterEach, describe, expect, it } from 'vitest';
import { type Partner, startPartner } from './testing/partner.js';

const { signal } = new AbortController();
const file = parsePath('file');
const partners: Partner[] = [];
afterEach(async () => {
  for (const partner of partners.splice(0)) await partner[Symbol.asyncDispose]();
});

async function aPartner(...personalities: (Behaviour | string)[]): Promise<Partner> {
  const partner = await startPartner(...personalities);
  partners.push(partner);
  return partner;
}

async function listAll(endpoint: StorageEndpoint): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  for await (const entry of endpoint.list(parsePath(''), { signal })) entries.push(entry);
  return entries;
}

async function* bodyOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

describe('a listing', () => {
  it('that never ends is a protocol-error, in bounded memory', async () => {
    const endpoint = await (await aPartner('endless-listing')).open();
    const before = process.memoryUsage().rss;
    let entries = 0;
    const reading = async () => {
      for await (const _ of endpoint.list(parsePath(''), { signal })) entries++;
    };
    await expect(reading()).rejects.toMatchObject({
      code: 'protocol-error',
      message: expect.stringContaining('never ends'),
    });
    expect(entries).toBeLessThanOrEqual(1_000_000);
    // Both sides run in this process; the entries themselves would be several hundred MiB.
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * 1024 * 1024);
  });

  it('that never ends, of long names that are refused, is a protocol-error in bounded memory', async () => {
    const attrs = { mode: 0o100644, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };
    const filename = 'n'.repeat(200_000);
    const endpoint = await (
      await aPartner({
        serve: async (request, next) =>
          request.kind === 'readdir'
            ? { kind: 'names', entries: [{ filename, longname: '', attrs }] }
            : await next(request),
      })
    ).open();
    const before = process.memoryUsage().rss;
    const entries: ListEntry[] = [];
    const reading = async () => {
      for await (const entry of endpoint.list(parsePath(''), { signal })) entries.push(entry);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'protocol-error' });
    expect(entries.length).toBeGreaterThan(100);
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * 1024 * 1024);
  });

  it('of 100,000 entries is complete, in bounded memory', async () => {
    const endpoint = await (await aPartner('many-entries')).open();
    const before = process.memoryUsage().rss;
    const entries = await listAll(endpoint);
    expect(new Set(entries.map((entry) => 'path' in entry && entry.path)).size).toBe(100_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * 1024 * 1024);
  });

  it('may take longer than the deadline, as long as each answer comes in time', async () => {
    const partner = await aPartner('slow-listing=100', 'many-entries=4000');
    const endpoint = await partner.open({ operationTimeoutMs: 350 });
    expect(await listAll(endpoint)).toHaveLength(4000);
  });

  it('refuses hostile names one by one and tells why; the rest is usable', async () => {
    const partner = await aPartner('hostile-names');
    await writeFile(partner.disk('good.csv'), 'x');
    const entries = await listAll(await partner.open());
    expect(entries.filter(({ kind }) => kind !== 'refused')).toMatchObject([
      { kind: 'file', path: 'good.csv' },
    ]);
    expect(entries.map((entry) => (entry.kind === 'refused' ? entry.reason : '')).filter(Boolean)).toEqual([
      'the name holds a "/", which would leave the directory',
      'the name holds a "/", which would leave the directory',
      'the name holds a "/", which would leave the directory',
      'the name holds the control character \\u0000',
      'the name holds the control character \\n',
      'the name holds the control character \\u001b',
      'the name is longer than 255 bytes',
    ]);
  });

  it('with a name of 1 MiB is a protocol-error, and takes no memory for it', async () => {
    const endpoint = await (await aPartner('huge-name')).open();
    await expect(listAll(endpoint)).rejects.toMatchObject({
      code: 'protocol-error',
    });
  });
});

describe('a connection', () => {
  it.each(['host-key-changes', 'host-key-differs'])(
    'that meets another host key sends no credential and names both fingerprints: %s',
    async (personality) => {
      const partner = await aPartner(personality);
      if (personality === 'host-key-differs') await partner.open();
      const before = partner.simulator.authAttempts.length;
      await expect(partner.open()).rejects.toMatchObject({
        code: 'host-key-mismatch',
        message: expect.stringContaining(partner.simulator.fingerprint),
      });
      expect(partner.simulator.authAttempts).toHaveLength(before);
    },
  );

  it('with text in the channel is a protocol-error at once', async () => {
    const partner = await aPartner('banner-text');
    const started = performance.now();
    await expect(partner.open()).rejects.toMatchObject({ code: 'protocol-error' });
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('too many fails with connection-lost, and leaves the one that is open unharmed', async () => {
    const partner = await aPartner('few-sessions');
    const first = await partner.open();
    await expect(partner.open()).rejects.toMatchObject({ code: 'connection-lost' });
    await first.put(file, bodyOf(Buffer.from('content')), { signal });
    await first[Symbol.asyncDispose]();
    await sleep(50);
    expect(await (await partner.open()).stat(file, { signal })).toMatchObject({ size: 7 });
  });

  it('that is cut while the source is slow ends with connection-lost, and the rest can be sent', async () => {
    const partner = await aPartner('idle-cut=200');
    const content = Buffer.alloc(100_000, 'abc');
    let acknowledged = 0;
    async function* slowly() {
      yield content.subarray(0, 70_000);
      await sleep(600);
      yield content.subarray(70_000);
    }
    const onProgress = (bytes: number) => {
      acknowledged = bytes;
    };
    const first = await partner.open();
    await expect(first.put(file, slowly(), { signal, onProgress })).rejects.toMatchObject({
      code: 'connection-lost',
    });
    const again = await partner.open();
    await again.put(file, bodyOf(content.subarray(acknowledged)), { signal, start: acknowledged });
    expect(await readFile(partner.disk('file'))).toEqual(content);
  });
});

describe('status 4 for everything', () => {
  it('is told apart by looking: a missing file, a missing directory, a name that is taken', async () => {
    const partner = await aPartner('failure-for-all', 'rename-will-not-overwrite');
    const endpoint = await partner.open();
    const missing = { code: 'not-found', message: expect.stringContaining('does not exist') };
    const deep = parsePath('no/such/place');
    await expect(endpoint.stat(file, { signal })).rejects.toMatchObject(missing);
    await expect(endpoint.stat(deep, { signal })).rejects.toMatchObject(missing);
    await expect(endpoint.read(file, { signal })[Symbol.asyncIterator]().next()).rejects.toMatchObject(
      missing,
    );
    await expect(endpoint.put(deep, bodyOf(Buffer.from('x')), { signal })).rejects.toMatchObject(missing);
    await expect(endpoint.move(file, parsePath('other'), { signal, replace: true })).rejects.toMatchObject(
      missing,
    );
    await expect(endpoint.list(deep, { signal })[Symbol.asyncIterator]().next()).rejects.toMatchObject(
      missing,
    );

    await writeFile(partner.disk('file'), 'x');
    await writeFile(partner.disk('other'), 'y');
    await expect(endpoint.move(file, parsePath('other'), { signal, replace: false })).rejects.toMatchObject({
      code: 'already-exists',
    });
  });

  it('is a success where what was wanted is so already', async () => {
    const partner = await aPartner('failure-for-all');
    const endpoint = await partner.open();
    await endpoint.remove(file, { signal });
    await endpoint.makeDirectory(parsePath('a/b/c'), { signal });
    await endpoint.makeDirectory(parsePath('a/b/c'), { signal });
    expect(await readdir(partner.disk('a/b'))).toEqual(['c']);
  });
});

it('replacing a file in steps never leaves a second name behind', async () => {
  const partner = await aPartner('rename-will-not-overwrite');
  const endpoint = await partner.open();
  await writeFile(partner.disk('file'), 'old');
  await writeFile(partner.disk('part'), 'new');
  await endpoint.move(parsePath('part'), file, { signal, replace: true });
  expect(await readdir(partner.disk('.'))).toEqual(['file']);
  expect(await readFile(partner.disk('file'), 'utf8')).toBe('new');
});

describe('replacing a file in steps, with the connection lost', () => {
  /** Cuts the connection at the nth rename or removal, once. */
  function cutAt(step: number, carriedOut: boolean): Behaviour {
    let seen = 0;
    return {
      async serve(request, next, channel) {
        if (request.kind !== 'rename' && request.kind !== 'remove') return next(request);
        seen += 1;
        if (seen !== step) return next(request);
        if (carriedOut) await next(request);
        channel.cut();
        return { kind: 'silence' };
      },
    };
  }

  const steps = ['setting the old one aside', 'renaming the new one', 'removing the old one'];
  it.each(
    steps.flatMap((name, index) => [
      { name: `before ${name}`, step: index + 1, carriedOut: false },
      { name: `after ${name}`, step: index + 1, carriedOut: true },
    ]),
  )('$name: nothing is lost, and the next attempt leaves one whole file', async ({ step, carriedOut }) => {
    const partner = await aPartner('rename-will-not-overwrite', cutAt(step, carriedOut));
    await writeFile(partner.disk('file'), 'old');
    await writeFile(partner.disk('part'), 'new');
    const part = parsePath('part');
    const move = { signal, replace: true };
    await expect((await partner.open()).move(part, file, move)).rejects.toMatchObject({
      code: 'connection-lost',
    });

    const again = await partner.open();
    await again.recover?.(file, { signal });
    const arrived = !(await readdir(partner.disk('.'))).includes('part');
    expect(await readFile(partner.disk('file'), 'utf8')).toBe(arrived ? 'new' : 'old');
    if (!arrived) await again.move(part, file, move);
    expect(await readdir(partner.disk('.'))).toEqual(['file']);
    expect(await readFile(partner.disk('file'), 'utf8')).toBe('new');
  });

  it('is brought to its end by the next replacement as well, of whichever run', async () => {
    const partner = await aPartner('rename-will-not-overwrite', cutAt(1, true));
    await writeFile(partner.disk('file'), 'old');
    await writeFile(partner.disk('part'), 'new');
    const move = (from: string, endpoint: StorageEndpoint) =>
      endpoint.move(parsePath(from), file, { signal, replace: true });
    await expect(move('part', await partner.open())).rejects.toMatchObject({ code: 'connection-lost' });
    await writeFile(partner.disk('later'), 'newer');
    await move('later', await partner.open());
    expect((await readdir(partner.disk('.'))).sort()).toEqual(['file', 'part']);
    expect(await readFile(partner.disk('file'), 'utf8')).toBe('newer');
  });
});
