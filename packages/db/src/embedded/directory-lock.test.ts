import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDirectory } from './directory-lock.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'waybill-lock-'));
});
afterEach(() => rm(directory, { recursive: true }));

const lockFile = () => path.join(directory, 'waybill.lock');

describe('the lock of a directory', () => {
  it('is given to one at a time, and leaves no file behind', async () => {
    const lock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toThrow(`in use by the Waybill process ${process.pid}`);
    await lock.release();
    await (await lockDirectory(directory)).release();
    expect(await readdir(directory)).toEqual([]);
  });

  it.each([
    ['whose process is gone', '4194305 12345\n'],
    ['whose pid belongs to a later process', `${process.pid} 1\n`],
    ['that is empty', ''],
  ])('is taken over from a file %s, by one of many', async (_, content) => {
    for (let round = 0; round < 30; round++) {
      await writeFile(lockFile(), content);
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory)));
      expect(tries.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      expect(await readdir(directory)).toEqual(['waybill.lock']);
    }
  });
});
