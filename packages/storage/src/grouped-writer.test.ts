import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { GroupedWriter } from './grouped-writer.js';
import { translated } from './local-errors.js';

it('many tiny chunks arrive in order and in few writes', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-writer-'));
  const path = join(directory, 'file');
  const told: number[] = [];
  {
    await using handle = await open(path, 'w');
    const writer = new GroupedWriter(handle, 0, (position) => told.push(position));
    for (let i = 0; i < 10_000; i++) await writer.write(Buffer.from(`${i}\n`));
    await writer.finish();
  }
  expect(await readFile(path, 'utf8')).toBe(Array.from({ length: 10_000 }, (_, i) => `${i}\n`).join(''));
  expect(told.length).toBeLessThan(1_000);
  await rm(directory, { recursive: true });
});

it('a full disk is no-space, at the next write or at the end', async () => {
  await using full = await open('/dev/full', 'w');
  const writer = new GroupedWriter(full, 0);
  const writing = translated('write "a"', async () => {
    await writer.write(Buffer.alloc(10));
    await writer.finish();
  });
  await expect(writing).rejects.toMatchObject({
    name: 'StorageError',
    code: 'no-space',
    message: `can't write "a": no space left on device (ENOSPC)`,
  });
  await expect(writer.write(Buffer.alloc(10))).rejects.toMatchObject({ code: 'ENOSPC' });
});
