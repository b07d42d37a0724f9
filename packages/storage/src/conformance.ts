import { createHash } from 'node:crypto';
import { joinPath, parsePath, type RemotePath } from '@waybill/domain';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ListEntry, StorageEndpoint } from './endpoint.js';
import type { StorageError } from './storage-error.js';

export interface OpenedEndpoint {
  readonly endpoint: StorageEndpoint;
  /** Puts a file there by other means than the endpoint; left out where there are none. */
  readonly seed?: (path: string, content: Uint8Array) => Promise<void>;
  /** The other side is known to tell hashes: that it tells none is a failure. */
  readonly tellsHashes?: boolean;
  /** The other side is known to say that it sets attributes, and not to do it. */
  readonly feignsAttributes?: boolean;
  /** Called once after all tests; disposes of the endpoint and of what stands behind it. */
  readonly close: () => Promise<void>;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** What an endpoint may hold of a body beyond what it has acknowledged. */
const MOST_HELD = 32 * MIB;

const signal = new AbortController().signal;

/**
 * The suite that every endpoint passes. It works through the contract alone, each test in a directory of its own, over
 * one endpoint that is opened once.
 */
export function describeEndpoint(name: string, open: () => Promise<OpenedEndpoint>): void {
  describe(`${name} keeps the contract of endpoints`, () => {
    let opened: OpenedEndpoint;
    let endpoint: StorageEndpoint;
    let directory: RemotePath;
    let tests = 0;

    beforeAll(async () => {
      opened = await open();
      endpoint = opened.endpoint;
    });
    afterAll(async () => {
      await opened?.close();
    });
    beforeEach(async () => {
      directory = parsePath(`suite-${++tests}`);
      await endpoint.makeDirectory(directory, { signal });
    });

    const at = (path: string) => parsePath(`${directory}/${path}`);
    const put = (path: RemotePath, content: Uint8Array | string, start = 0) =>
      endpoint.put(path, inChunks(Buffer.from(content)), { signal, start });
    const read = (path: RemotePath, start = 0) => collected(endpoint.read(path, { signal, start }));
    const listed = async (path: RemotePath = directory) => {
      const entries: ListEntry[] = [];
      for await (const entry of endpoint.list(path, { signal })) entries.push(entry);
      return entries;
    };
    /** Makes a directory that a listing shows: where directories are not kept, only one that holds something. */
    const makeVisible = async (path: RemotePath) => {
      await endpoint.makeDirectory(path, { signal });
      if (!endpoint.properties.keepsDirectories) await put(joinPath(path, 'content'), 'x');
    };
    const namesIn = async (path?: RemotePath) =>
      (await listed(path)).map((entry) => ('path' in entry ? entry.path : entry.name)).sort();

    describe('list', () => {
      it('tells files with size and time, and directories', async () => {
        const before = Date.now();
        await put(at('a.txt'), 'four');
        await makeVisible(at('inner'));
        const entries = (await listed()).sort((a, b) => a.kind.localeCompare(b.kind));
        expect(entries).toEqual([
          { kind: 'directory', path: at('inner') },
          expect.objectContaining({
            ...{ kind: 'file', path: at('a.txt'), size: 4, modifiedAt: expect.any(Date) },
          }),
        ]);
        const modifiedAt = entries[1]?.kind === 'file' ? +entries[1].modifiedAt : 0;
        expect(Math.abs(modifiedAt - before)).toBeLessThan(60_000);
      });

      it('of an empty directory yields nothing', async () => {
        expect(await listed()).toEqual([]);
      });

      it('of the root yields what is directly in it', async () => {
        await put(at('a'), 'x');
        expect(await namesIn(parsePath(''))).toContain(directory);
      });

      it('stays in its directory', async () => {
        await makeVisible(at('inner/deeper'));
        await put(at('inner/b.txt'), 'b');
        expect(await namesIn()).toEqual([at('inner')]);
        expect(await namesIn(at('inner'))).toEqual([at('inner/b.txt'), at('inner/deeper')]);
      });

      it('yields each of many files once', async () => {
        const paths = Array.from({ length: 220 }, (_, i) => at(`f${String(i).padStart(3, '0')}`));
        await Promise.all(paths.map((path) => put(path, '')));
        expect(await namesIn()).toEqual(paths);
      });

      it('throws not-found where there is no such directory, or a file', async () => {
        await put(at('file'), 'x');
        if (!endpoint.properties.keepsDirectories) {
          expect([await listed(at('nowhere')), await listed(at('file'))]).toEqual([[], []]);
          return;
        }
        await expect(listed(at('nowhere'))).rejects.toMatchObject(failed('not-found'));
        await expect(listed(at('file'))).rejects.toMatchObject({ name: 'StorageError' });
      });
    });

    describe('names', () => {
      it.each(unusualNames)('%s comes back as it was given', async (_, unusual) => {
        const path = joinPath(directory, unusual);
        await put(path, unusual);
        expect(await namesIn()).toEqual([path]);
        expect((await endpoint.stat(path, { signal })).path).toBe(path);
        expect((await read(path)).toString()).toBe(unusual);
        await endpoint.move(path, joinPath(directory, `${unusual}2`), { signal, replace: false });
        expect(await namesIn()).toEqual([`${path}2`]);
        await endpoint.remove(joinPath(directory, `${unusual}2`), { signal });
        expect(await listed()).toEqual([]);
      });

      it('composed and decomposed letters stay apart', async () => {
        await put(at('\u00e9'), 'composed');
        await put(at('e\u0301'), 'decomposed');
        expect(await namesIn()).toEqual([at('e\u0301'), at('\u00e9')]);
        expect((await read(at('\u00e9'))).toString()).toBe('composed');
      });

      it('of directories may be unusual too', async () => {
        const inner = joinPath(directory, ' -\u00fc "*\\');
        await endpoint.makeDirectory(inner, { signal });
        await put(joinPath(inner, 'x'), 'x');
        expect(await namesIn(inner)).toEqual([`${inner}/x`]);
      });
    });

    describe('stat', () => {
      it('tells size and time as the listing does', async () => {
        await put(at('a'), 'twelve bytes');
        const { kind: _, ...info } = (await listed())[0] as ListEntry & { kind: 'file' };
        expect(await endpoint.stat(at('a'), { signal })).toEqual(info);
        expect(info.size).toBe(12);
      });

      it('throws not-found for a directory and for nothing', async () => {
        await expect(endpoint.stat(directory, { signal })).rejects.toMatchObject(failed('not-found'));
        await expect(endpoint.stat(at('nothing'), { signal })).rejects.toMatchObject(failed('not-found'));
        await expect(endpoint.stat(at('no/where'), { signal })).rejects.toMatchObject(failed('not-found'));
      });
    });

    describe('put and read', () => {
      it.each(sizes)('%s bytes come back as they were sent', async (size) => {
        const content = pattern(size);
        const info = await put(at('file'), content);
        expect(info).toMatchObject({ path: at('file'), size });
        expect(await endpoint.stat(at('file'), { signal })).toEqual(info);
        expect(digest(await read(at('file')))).toBe(digest(content));
      });

      it('a body in tiny and empty chunks comes back whole', async () => {
        const content = pattern(10_007);
        await endpoint.put(at('file'), inChunks(content, 3, true), { signal });
        expect(digest(await read(at('file')))).toBe(digest(content));
      });

      it('a body in one huge chunk comes back whole', async () => {
        const content = pattern(5 * MIB + 1);
        await endpoint.put(at('file'), inChunks(content, content.length), { signal });
        expect(digest(await read(at('file')))).toBe(digest(content));
      });

      it('a file that is there already is replaced, even by a shorter one', async () => {
        await put(at('file'), pattern(100_000));
        expect(await put(at('file'), 'short')).toMatchObject({ size: 5 });
        expect((await read(at('file'))).toString()).toBe('short');
      });

      it('a file put by other means is read the same way', async () => {
        const content = pattern(300_000);
        const path = at('from elsewhere');
        await (opened.seed?.(path, content) ?? put(path, content));
        expect(await endpoint.stat(path, { signal })).toMatchObject({ size: content.length });
        expect(digest(await read(path))).toBe(digest(content));
      });

      it('reading starts where it is told to, and ends at once at and beyond the end', async () => {
        const content = pattern(600 * KIB);
        await put(at('file'), content);
        for (const start of [1, 255 * KIB, 256 * KIB + 1, content.length - 1, content.length])
          expect(digest(await read(at('file'), start)), `from ${start}`).toBe(
            digest(content.subarray(start)),
          );
        expect(await read(at('file'), content.length + 10)).toHaveLength(0);
      });

      it('reading throws not-found for a directory and for nothing', async () => {
        await expect(read(at('nothing'))).rejects.toMatchObject(failed('not-found'));
        await expect(read(directory)).rejects.toMatchObject({ name: 'StorageError' });
      });

      it('a reader may stop early', async () => {
        await put(at('file'), pattern(2 * MIB));
        for await (const chunk of endpoint.read(at('file'), { signal })) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
        expect(await read(at('file'))).toHaveLength(2 * MIB);
      });

      it('chunks belong to the reader: they do not change when reading goes on', async () => {
        const content = pattern(MIB);
        await put(at('file'), content);
        const chunks: Uint8Array[] = [];
        for await (const chunk of endpoint.read(at('file'), { signal })) chunks.push(chunk);
        expect(digest(Buffer.concat(chunks))).toBe(digest(content));
      });

      it('a file that shrinks while it is read ends the reading early', async () => {
        await put(at('file'), pattern(3 * MIB));
        let total = 0;
        for await (const chunk of endpoint.read(at('file'), { signal })) {
          if (total === 0)
            await (endpoint.properties.continues ? put(at('file'), '', 1_000) : put(at('file'), 'x'));
          total += chunk.length;
        }
        expect(total).toBeLessThanOrEqual(3 * MIB);
      });

      it('putting throws not-found where the directory is missing, and leaves directories alone', async () => {
        await expect(put(parsePath(''), 'x')).rejects.toMatchObject({ name: 'StorageError' });
        if (!endpoint.properties.keepsDirectories) {
          await put(at('no/where'), 'x');
          expect(await listed()).toEqual([{ kind: 'directory', path: at('no') }]);
          return;
        }
        await expect(put(at('no/where'), 'x')).rejects.toMatchObject(failed('not-found'));
        await expect(put(directory, 'x')).rejects.toMatchObject({ name: 'StorageError' });
        expect(await listed()).toEqual([]);
      });

      it('progress grows to the size, and never says more than was sent', async () => {
        const told: number[] = [];
        let sent = 0;
        const body = observed(inChunks(pattern(3 * MIB)), (bytes) => {
          sent += bytes;
        });
        const onProgress = (bytes: number) => {
          expect(bytes).toBeLessThanOrEqual(sent);
          told.push(bytes);
        };
        await endpoint.put(at('file'), body, { signal, onProgress });
        expect(told).toEqual([...told].sort((a, b) => a - b));
        expect(told.at(-1)).toBe(3 * MIB);
      });

      it('a body is not taken faster than it is acknowledged', async () => {
        let sent = 0;
        let acknowledged = 0;
        let mostHeld = 0;
        const body = observed(repeated(pattern(256 * KIB), 48 * 4), (bytes) => {
          sent += bytes;
          mostHeld = Math.max(mostHeld, sent - acknowledged);
        });
        const onProgress = (bytes: number) => {
          acknowledged = bytes;
        };
        expect(await endpoint.put(at('file'), body, { signal, onProgress })).toMatchObject({
          size: 48 * MIB,
        });
        expect(mostHeld).toBeLessThanOrEqual(MOST_HELD);
      });

      it('several files are put and read at once', async () => {
        const contents = Array.from({ length: 8 }, (_, i) => pattern(200 * KIB + i, i));
        await Promise.all(contents.map((content, i) => put(at(`f${i}`), content)));
        const back = await Promise.all(contents.map((_, i) => read(at(`f${i}`))));
        expect(back.map(digest)).toEqual(contents.map(digest));
      });
    });

    describe('a put of a fresh file', () => {
      const putFresh = (path: RemotePath, content: string) =>
        endpoint.put(path, inChunks(Buffer.from(content)), { signal, fresh: true });

      it('makes it where there is none, and throws already-exists where there is one, which stays', async () => {
        expect(await putFresh(at('file'), 'first')).toMatchObject({ size: 5 });
        await expect(putFresh(at('file'), 'second')).rejects.toMatchObject(failed('already-exists'));
        expect((await read(at('file'))).toString()).toBe('first');
      });

      it('may be empty, and may not be there already, empty', async () => {
        expect(await putFresh(at('file'), '')).toMatchObject({ size: 0 });
        await expect(putFresh(at('file'), '')).rejects.toMatchObject(failed('already-exists'));
      });

      it('is told of before the first byte, where it can be seen', async () => {
        const told: number[] = [];
        const breaksOff = {
          [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('the source is gone')) }),
        };
        const onProgress = (bytes: number) => told.push(bytes);
        await expect(
          endpoint.put(at('file'), breaksOff, { signal, fresh: true, onProgress }),
        ).rejects.toThrow('the source is gone');
        const there = await endpoint.stat(at('file'), { signal }).catch(() => undefined);
        expect(told).toEqual(there ? [0] : []);
      });

      it('leaves a directory alone', async () => {
        await makeVisible(at('inner'));
        if (endpoint.properties.keepsDirectories)
          await expect(putFresh(at('inner'), 'x')).rejects.toMatchObject(failed('already-exists'));
      });
    });

    describe('attributes', () => {
      it('can be set where directories are kept', () => {
        if (endpoint.properties.keepsDirectories) expect(endpoint.setAttributes).toBeDefined();
      });

      it('that are set are told, and leave each other and the bytes alone', async () => {
        if (!endpoint.setAttributes || opened.feignsAttributes) return;
        const modifiedAt = new Date('2001-02-03T04:05:06Z');
        await put(at('file'), 'bytes');
        await endpoint.setAttributes(at('file'), { modifiedAt }, { signal });
        await endpoint.setAttributes(at('file'), { mode: 0o640 }, { signal });
        const found = await endpoint.stat(at('file'), { signal });
        expect(found).toEqual({ path: at('file'), size: 5, modifiedAt, mode: 0o640 });
        await endpoint.setAttributes(at('file'), { mode: 0o604, modifiedAt: new Date(0) }, { signal });
        const both = { modifiedAt: new Date(0), mode: 0o604 };
        expect(await endpoint.stat(at('file'), { signal })).toMatchObject(both);
        expect((await read(at('file'))).toString()).toBe('bytes');
      });

      it('stay with a file that is moved', async () => {
        if (!endpoint.setAttributes || opened.feignsAttributes) return;
        const modifiedAt = new Date('2001-02-03T04:05:06Z');
        await put(at('file'), 'bytes');
        await endpoint.setAttributes(at('file'), { modifiedAt, mode: 0o600 }, { signal });
        await endpoint.move(at('file'), at('moved'), { signal, replace: false });
        expect(await endpoint.stat(at('moved'), { signal })).toMatchObject({ modifiedAt, mode: 0o600 });
      });

      it('of nothing are not-found', async () => {
        if (!endpoint.setAttributes || opened.feignsAttributes) return;
        const modifiedAt = new Date(0);
        await expect(endpoint.setAttributes(at('nothing'), { modifiedAt }, { signal })).rejects.toMatchObject(
          failed('not-found'),
        );
      });
    });

    /** What an endpoint that cannot continue files promises instead. */
    const refusesToContinue = async () => {
      await put(at('file'), 'stays');
      await expect(put(at('file'), 'x', 2)).rejects.toMatchObject(failed('unsupported'));
      expect((await read(at('file'))).toString()).toBe('stays');
    };

    describe('a put that continues', () => {
      it('appends to what is there', async () => {
        if (!endpoint.properties.continues) return await refusesToContinue();
        const content = pattern(700_001);
        const told: number[] = [];
        await put(at('file'), content.subarray(0, 300_000));
        const body = inChunks(content.subarray(300_000));
        const onProgress = (bytes: number) => void told.push(bytes);
        const info = await endpoint.put(at('file'), body, { signal, start: 300_000, onProgress });
        expect(info.size).toBe(content.length);
        expect(digest(await read(at('file')))).toBe(digest(content));
        expect(Math.min(...told)).toBeGreaterThanOrEqual(300_000);
        expect(told.at(-1)).toBe(content.length);
      });

      it('cuts what is there beyond its start', async () => {
        if (!endpoint.properties.continues) return await refusesToContinue();
        await put(at('file'), 'abcdefghij');
        expect(await put(at('file'), 'XY', 4)).toMatchObject({ size: 6 });
        expect((await read(at('file'))).toString()).toBe('abcdXY');
        expect(await put(at('file'), '', 2)).toMatchObject({ size: 2 });
        expect((await read(at('file'))).toString()).toBe('ab');
      });

      it('throws corrupted if the file is shorter than its start, and leaves it as it is', async () => {
        await put(at('file'), 'abc');
        const why = endpoint.properties.continues ? 'corrupted' : 'unsupported';
        await expect(put(at('file'), 'x', 4)).rejects.toMatchObject(failed(why));
        expect((await read(at('file'))).toString()).toBe('abc');
      });

      it('throws not-found if there is no file, and makes none', async () => {
        const why = endpoint.properties.continues ? 'not-found' : 'unsupported';
        await expect(put(at('file'), 'x', 4)).rejects.toMatchObject(failed(why));
        expect(await listed()).toEqual([]);
      });
    });

    it('a body that throws ends the put with that very error, and what has arrived can be continued', async () => {
      const content = pattern(2 * MIB);
      const error = new Error('the source went away');
      const body = (async function* () {
        yield* inChunks(content.subarray(0, MIB));
        throw error;
      })();
      await expect(endpoint.put(at('file'), body, { signal })).rejects.toBe(error);
      const { continues } = endpoint.properties;
      const from = continues ? (await endpoint.stat(at('file'), { signal })).size : 0;
      expect(from).toBeLessThanOrEqual(MIB);
      await put(at('file'), content.subarray(from), from);
      expect(digest(await read(at('file')))).toBe(digest(content));
    });

    describe('hash, where the other side may be asked for it,', () => {
      const told = async (path: RemotePath, bytes?: number) => {
        const found = await endpoint.hash?.(path, { signal, ...(bytes !== undefined && { bytes }) });
        return found?.kind === 'told' ? found.sha256 : undefined;
      };

      /** What is told is right; that nothing is told is right as well, but where it is known to be told. */
      const expectHash = (found: string | undefined, content: Buffer) =>
        expect(opened.tellsHashes ? [digest(content)] : [digest(content), undefined]).toContain(found);

      it.each([0, 1, 300_001])('is that of the %s bytes that are there', async (size) => {
        const content = pattern(size);
        await put(at(`it's "$HOME"`), content);
        expectHash(await told(at(`it's "$HOME"`)), content);
      });

      it('of a prefix is that of these bytes', async () => {
        const content = pattern(300_001);
        await put(at('file'), content);
        for (const bytes of [1, 64 * KIB])
          expectHash(await told(at('file'), bytes), content.subarray(0, bytes));
        for (const bytes of [16 * KIB + 1, 70_000, 300_000])
          expect([digest(content.subarray(0, bytes)), undefined]).toContain(await told(at('file'), bytes));
      });

      it('is told of a file as it is now, not as it was', async () => {
        await put(at('file'), 'before');
        await told(at('file'));
        await put(at('file'), 'after.');
        expectHash(await told(at('file')), Buffer.from('after.'));
      });

      it('throws not-found for a directory and for nothing, or tells nothing', async () => {
        for (const path of [at('nothing'), at('no/where'), directory]) {
          const found = await told(path).catch((error: StorageError) => error.code);
          expect([undefined, 'not-found']).toContain(found);
        }
      });

      it('leaves the file as it is, and the endpoint usable', async () => {
        await put(at('file'), 'content');
        await Promise.all([told(at('file')), told(at('file'), 3), told(at('nothing')).catch(() => {})]);
        expect((await read(at('file'))).toString()).toBe('content');
        expect(await namesIn()).toEqual([at('file')]);
      });
    });

    describe('move', () => {
      it('gives a file another name, in its directory or another one', async () => {
        await endpoint.makeDirectory(at('inner'), { signal });
        await put(at('a'), 'content');
        await endpoint.move(at('a'), at('b'), { signal, replace: false });
        await endpoint.move(at('b'), at('inner/c'), { signal, replace: true });
        expect(await namesIn()).toEqual([at('inner')]);
        expect((await read(at('inner/c'))).toString()).toBe('content');
      });

      it('with replace puts the file in the place of another', async () => {
        await put(at('a'), 'new');
        await put(at('b'), 'the old one');
        await endpoint.move(at('a'), at('b'), { signal, replace: true });
        expect(await namesIn()).toEqual([at('b')]);
        expect((await read(at('b'))).toString()).toBe('new');
      });

      it('without replace throws already-exists and leaves both files as they are', async () => {
        await put(at('a'), 'new');
        await put(at('b'), 'old');
        await expect(endpoint.move(at('a'), at('b'), { signal, replace: false })).rejects.toMatchObject(
          failed('already-exists'),
        );
        expect((await read(at('a'))).toString()).toBe('new');
        expect((await read(at('b'))).toString()).toBe('old');
      });

      it('of several files to one name at once, without replace, lets one of them through', async () => {
        const paths = Array.from({ length: 6 }, (_, i) => at(`from${i}`));
        await Promise.all(paths.map((path) => put(path, path)));
        const results = await Promise.allSettled(
          paths.map((path) => endpoint.move(path, at('to'), { signal, replace: false })),
        );
        const winners = paths.filter((_, i) => results[i]?.status === 'fulfilled');
        expect(winners).toHaveLength(1);
        expect((await read(at('to'))).toString()).toBe(winners[0]);
        expect(await namesIn()).toEqual([...paths.filter((path) => path !== winners[0]), at('to')]);
      });

      it.each([true, false])('throws not-found for what is not there (replace: %s)', async (replace) => {
        await put(at('b'), 'stays');
        const missing = endpoint.move(at('a'), at('c'), { signal, replace });
        await expect(missing).rejects.toMatchObject(failed('not-found'));
        if (endpoint.properties.keepsDirectories) {
          const nowhere = endpoint.move(at('b'), at('no/where'), { signal, replace });
          await expect(nowhere).rejects.toMatchObject(failed('not-found'));
        }
        expect((await read(at('b'))).toString()).toBe('stays');
      });
    });

    describe('remove', () => {
      it('removes a file, and does nothing where there is none', async () => {
        await put(at('a'), 'x');
        await endpoint.remove(at('a'), { signal });
        await endpoint.remove(at('a'), { signal });
        await endpoint.remove(at('no/where'), { signal });
        expect(await listed()).toEqual([]);
      });

      it('never removes a directory', async () => {
        await makeVisible(at('inner'));
        await endpoint.remove(at('inner'), { signal }).catch(() => {});
        expect(await namesIn()).toEqual([at('inner')]);
      });
    });

    describe('makeDirectory', () => {
      it('makes the parents, and does nothing the second time', async () => {
        await endpoint.makeDirectory(at('a/b/c'), { signal });
        await put(at('a/b/c/file'), 'x');
        await endpoint.makeDirectory(at('a/b/c'), { signal });
        expect(await namesIn(at('a/b/c'))).toEqual([at('a/b/c/file')]);
      });

      it('of the root is a success', async () => {
        await expect(endpoint.makeDirectory(parsePath(''), { signal })).resolves.toBeUndefined();
      });

      it('may be asked for several times at once', async () => {
        await Promise.all(
          Array.from({ length: 6 }, (_, i) => endpoint.makeDirectory(at(`a/b/${i % 2}`), { signal })),
        );
        const kept = endpoint.properties.keepsDirectories ? [at('a/b/0'), at('a/b/1')] : [];
        expect(await namesIn(at('a/b'))).toEqual(kept);
      });

      it('throws already-exists where a file is', async () => {
        await put(at('a'), 'x');
        const making = endpoint.makeDirectory(at('a'), { signal });
        if (endpoint.properties.keepsDirectories)
          await expect(making).rejects.toMatchObject(failed('already-exists'));
        else await making;
        expect((await read(at('a'))).toString()).toBe('x');
      });
    });

    describe('aborted', () => {
      const reason = new Error('the operator cancelled the run');

      it('before it begins, an operation rejects with the reason and does nothing', async () => {
        await put(at('a'), 'stays');
        const aborted = { signal: AbortSignal.abort(reason) };
        const attempts = [
          collected(endpoint.read(at('a'), aborted)),
          endpoint.list(directory, aborted)[Symbol.asyncIterator]().next(),
          endpoint.stat(at('a'), aborted),
          endpoint.put(at('a'), inChunks(Buffer.from('x')), aborted),
          endpoint.move(at('a'), at('b'), { ...aborted, replace: true }),
          endpoint.remove(at('a'), aborted),
          endpoint.makeDirectory(at('c'), aborted),
          endpoint.hash?.(at('a'), aborted) ?? Promise.reject(reason),
        ];
        for (const result of await Promise.allSettled(attempts))
          expect(result).toEqual({ status: 'rejected', reason });
        expect(await namesIn()).toEqual([at('a')]);
        expect((await read(at('a'))).toString()).toBe('stays');
      });

      it('in the middle of reading, it rejects with the reason', async () => {
        await put(at('file'), pattern(4 * MIB));
        const controller = new AbortController();
        const reading = async () => {
          for await (const _ of endpoint.read(at('file'), { signal: controller.signal }))
            controller.abort(reason);
        };
        await expect(reading()).rejects.toBe(reason);
        expect(await read(at('file'))).toHaveLength(4 * MIB);
      });

      it('in the middle of putting an endless body, it rejects with the reason, and the file can be continued', async () => {
        const controller = new AbortController();
        const chunk = pattern(64 * KIB);
        const body = repeated(chunk, Number.POSITIVE_INFINITY);
        const onProgress = (bytes: number) => {
          if (bytes >= MIB) controller.abort(reason);
        };
        const putting = endpoint.put(at('file'), body, { signal: controller.signal, onProgress });
        await expect(putting).rejects.toBe(reason);
        if (!endpoint.properties.continues) return await refusesToContinue();
        expect(await put(at('file'), 'the end', chunk.length)).toMatchObject({ size: chunk.length + 7 });
        expect(digest((await read(at('file'))).subarray(0, chunk.length))).toBe(digest(chunk));
      });

      it('while a body keeps it waiting, a put rejects with the reason', async () => {
        const controller = new AbortController();
        const body = (async function* () {
          yield pattern(10);
          setTimeout(() => controller.abort(reason), 20);
          await new Promise(() => {});
        })();
        await expect(endpoint.put(at('file'), body, { signal: controller.signal })).rejects.toBe(reason);
        await put(at('file'), 'usable');
        expect((await read(at('file'))).toString()).toBe('usable');
      });

      it('one of several operations leaves the others alone', async () => {
        const controller = new AbortController();
        const content = pattern(2 * MIB);
        const endless = repeated(pattern(32 * KIB), Number.POSITIVE_INFINITY);
        const aborted = endpoint.put(at('endless'), endless, { signal: controller.signal });
        const whole = put(at('whole'), content);
        setTimeout(() => controller.abort(reason), 20);
        await expect(aborted).rejects.toBe(reason);
        expect(await whole).toMatchObject({ size: content.length });
        expect(digest(await read(at('whole')))).toBe(digest(content));
      });
    });
  });
}

const unusualNames: readonly (readonly [string, string])[] = [
  ['spaces', '  two  spaces '],
  ['a leading dash', '-rf'],
  ['quotes', `it's "quoted" \`x\``],
  ['wildcards', '*?[a-z]{b}'],
  ['backslashes', 'C:\\dir\\..\\file'],
  ['a shell variable', '$HOME;#%41&|<>'],
  ['dots', '...'],
  ['umlauts', 'Überweisung März.csv'],
  ['emoji and scripts', '📦 请求 שלום'],
  ['200 bytes', `${'é'.repeat(98)}.csv`],
];

/** Around the sizes in which endpoints read and write. */
const sizes = [
  0,
  1,
  32 * KIB - 1,
  32 * KIB,
  32 * KIB + 1,
  255 * KIB - 1,
  255 * KIB,
  255 * KIB + 1,
  256 * KIB,
  MIB + 1,
  5 * MIB,
];

function failed(code: string) {
  return { name: 'StorageError', code };
}

/** Bytes without a period that a chunk size could hide behind. */
function pattern(size: number, seed = 0): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4));
  let x = 0x9e3779b9 ^ seed;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return Buffer.from(words.buffer, 0, size);
}

/** Copies, because the endpoint owns what it is given. */
async function* inChunks(content: Buffer, size = 50_000, withEmptyOnes = false): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) {
    if (withEmptyOnes) yield new Uint8Array(0);
    yield Uint8Array.from(content.subarray(at, at + size));
  }
}

async function* repeated(chunk: Buffer, times: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < times; i++) yield Uint8Array.from(chunk);
}

async function* observed(
  body: AsyncIterable<Uint8Array>,
  see: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    see(chunk.length);
    yield chunk;
  }
}

async function collected(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function digest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
