import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RemotePath } from '@waybill/domain';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLocalEndpoint } from './local-endpoint.js';
import { StorageError } from './storage-error.js';

const { signal } = new AbortController();
let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'waybill-hostile-'));
  await mkdir(path.join(home, 'root/sub'), { recursive: true });
  await writeFile(path.join(home, 'outside'), 'untouched');
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Paths that were never checked: as if the rules about them had a hole. */
const paths = fc.oneof(
  fc
    .array(fc.constantFrom('..', '.', '', 'sub', 'outside', 'root', 'a\0b', '\n'), { maxLength: 5 })
    .map((names) => names.join('/')),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.webPath(),
);

it('whatever a path is, nothing outside the root comes to be, changes or goes away', async () => {
  await using endpoint = await openLocalEndpoint({ root: path.join(home, 'root') });
  async function* body() {
    yield Buffer.from('hostile');
  }
  const good = 'good' as RemotePath;
  await fc.assert(
    fc.asyncProperty(paths, async (text) => {
      const hostile = text as RemotePath;
      for (const work of [
        () => endpoint.put(good, body(), { signal }),
        () => endpoint.put(hostile, body(), { signal }),
        () => endpoint.makeDirectory(hostile, { signal }),
        () => endpoint.move(good, hostile, { signal, replace: true }),
        () => endpoint.move(hostile, good, { signal, replace: true }),
        () => endpoint.remove(hostile, { signal }),
      ])
        await work().catch((error: unknown) => expect(error).toBeInstanceOf(StorageError));
      expect((await readdir(home)).sort()).toEqual(['outside', 'root']);
      expect(await readFile(path.join(home, 'outside'), 'utf8')).toBe('untouched');
    }),
    { numRuns: 30 },
  );
});
