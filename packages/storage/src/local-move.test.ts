import { link, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePath } from '@waybill/domain';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLocalEndpoint } from './local-endpoint.js';
import { moveWithoutReplacing } from './local-move.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'waybill-move-'));
  await writeFile(join(root, 'a'), 'new');
});
afterEach(() => rm(root, { recursive: true }));

const noLinks: typeof link = async () => {
  throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM', syscall: 'link' });
};

it('where the file system has no hard links, a file is moved all the same', async () => {
  await moveWithoutReplacing(join(root, 'a'), join(root, 'b'), noLinks);
  expect(await readdir(root)).toEqual(['b']);
  expect(await readFile(join(root, 'b'), 'utf8')).toBe('new');
});

it('where the file system has no hard links, a file that is there is not replaced', async () => {
  await writeFile(join(root, 'b'), 'old');
  await expect(moveWithoutReplacing(join(root, 'a'), join(root, 'b'), noLinks)).rejects.toMatchObject({
    code: 'EEXIST',
  });
  expect(await readFile(join(root, 'b'), 'utf8')).toBe('old');
  expect(await readFile(join(root, 'a'), 'utf8')).toBe('new');
});

it('where the file system has no hard links, a failed move leaves no empty file behind', async () => {
  await expect(moveWithoutReplacing(join(root, 'gone'), join(root, 'b'), noLinks)).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(await readdir(root)).toEqual(['a']);
});

it('a move that was interrupted between its two names is finished by one with replace', async () => {
  await link(join(root, 'a'), join(root, 'b'));
  await using endpoint = await openLocalEndpoint({ root });
  const { signal } = new AbortController();
  await endpoint.move(parsePath('a'), parsePath('b'), { signal, replace: true });
  expect(await readdir(root)).toEqual(['b']);
});
