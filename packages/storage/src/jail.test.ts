import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePath } from '@waybill/domain';
import { expect, it } from 'vitest';
import { describeEndpoint } from './conformance.js';
import { openJail } from './jail.js';
import { LocalEndpoint } from './local-endpoint.js';

describeEndpoint('the local endpoint on systems without /proc', async () => {
  const root = await mkdtemp(join(tmpdir(), 'waybill-local-'));
  const endpoint = new LocalEndpoint(await openJail(root, 'darwin'), 'elsewhere');
  return { endpoint, close: () => rm(root, { recursive: true }) };
});

it('a directory that was opened stays the same one when a symbolic link takes its place', async () => {
  const base = await mkdtemp(join(tmpdir(), 'waybill-jail-'));
  await mkdir(join(base, 'root/in'), { recursive: true });
  await mkdir(join(base, 'outside'));
  await using jail = await openJail(join(base, 'root'));
  await using directory = await jail.open(parsePath('in'));
  await rename(join(base, 'root/in'), join(base, 'root/moved'));
  await symlink(join(base, 'outside'), join(base, 'root/in'));
  await writeFile(directory.child('file'), 'x');
  expect(await readdir(join(base, 'outside'))).toEqual([]);
  expect(await readdir(join(base, 'root/moved'))).toEqual(['file']);
  await rm(base, { recursive: true });
});

it.each(['linux', 'darwin'] as const)('a symbolic link inside the path is refused (%s)', async (platform) => {
  const base = await mkdtemp(join(tmpdir(), 'waybill-jail-'));
  await mkdir(join(base, 'root/a'), { recursive: true });
  await symlink('/', join(base, 'root/a/link'));
  await using jail = await openJail(join(base, 'root'), platform);
  await expect(jail.open(parsePath('a/link'))).rejects.toMatchObject({ code: 'path-refused' });
  await expect(jail.open(parsePath('a/link/etc'))).rejects.toMatchObject({
    code: 'path-refused',
    message: 'path "a/link/etc" is refused: "link" is a symbolic link, which may lead out of the root',
  });
  await rm(base, { recursive: true });
});
