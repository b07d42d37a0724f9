import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parsePath, type RemotePath, rootPath } from '@waybill/domain';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeEndpoint } from './conformance.js';
import type { ListEntry, StorageEndpoint } from './endpoint.js';
import { openLocalEndpoint } from './local-endpoint.js';

describeEndpoint('the local endpoint', async () => {
  const root = await mkdtemp(join(tmpdir(), 'waybill-local-'));
  const endpoint = await openLocalEndpoint({ root });
  return {
    endpoint,
    seed: (path, content) => writeFile(join(root, path), content),
    close: async () => {
      await endpoint[Symbol.asyncDispose]();
      await rm(root, { recursive: true });
    },
  };
});

const { signal } = new AbortController();

let base: string;
let root: string;
let endpoint: StorageEndpoint;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'waybill-jail-'));
  root = join(base, 'root');
  await mkdir(join(root, 'a/b'), { recursive: true });
  await mkdir(join(base, 'outside'));
  await writeFile(join(base, 'outside/secret'), 'secret');
  endpoint = await openLocalEndpoint({ root });
});

afterEach(async () => {
  await endpoint[Symbol.asyncDispose]();
  await rm(base, { recursive: true });
});

describe('the root', () => {
  it('is not-found with its path if it is missing or no directory', async () => {
    const missing = openLocalEndpoint({ root: join(root, 'missing') });
    await expect(missing).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/root\/missing/),
    });
    const file = openLocalEndpoint({ root: join(base, 'outside/secret') });
    await expect(file).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/outside\/secret/),
    });
  });

  it('is refused as misconfigured unless it is absolute', async () => {
    await expect(openLocalEndpoint({ root: 'relative' })).rejects.toMatchObject({ code: 'misconfigured' });
  });

  it('may be a symbolic link, and is looked up once', async () => {
    await symlink(root, join(base, 'current'));
    await using linked = await openLocalEndpoint({ root: join(base, 'current') });
    await rm(join(base, 'current'));
    await symlink(join(base, 'outside'), join(base, 'current'));
    expect(await listed(linked, rootPath)).toEqual([{ kind: 'directory', path: 'a' }]);
  });

  it('stands in the label', () => {
    expect(endpoint.label).toBe(`file://${root}`);
  });
});

describe('a symbolic link', () => {
  const links = ['link', 'a/link', 'a/b/link'];

  it.each(links)('%s to a directory leads nowhere', async (link) => {
    await symlink(join(base, 'outside'), join(root, link));
    await everythingIsRefused(`${link}/secret`);
    await everythingIsRefused(`${link}/new`);
    await expect(listed(endpoint, parsePath(link))).rejects.toMatchObject({ code: 'path-refused' });
    await expect(endpoint.makeDirectory(parsePath(`${link}/x/y`), { signal })).rejects.toMatchObject({
      code: 'path-refused',
    });
    expect(await readdir(join(base, 'outside'))).toEqual(['secret']);
  });

  it.each(links)('%s to a file is neither read nor written nor moved', async (link) => {
    await symlink(join(base, 'outside/secret'), join(root, link));
    await everythingIsRefused(link);
    expect(await readFile(join(base, 'outside/secret'), 'utf8')).toBe('secret');
  });

  it('that dangles does not make a file elsewhere', async () => {
    await symlink(join(base, 'outside/new'), join(root, 'link'));
    await everythingIsRefused('link');
    expect(await readdir(join(base, 'outside'))).toEqual(['secret']);
  });

  it('is refused even if it stays inside, and is listed as something else', async () => {
    await symlink('a', join(root, 'link'));
    await expect(listed(endpoint, parsePath('link/b'))).rejects.toMatchObject({ code: 'path-refused' });
    expect(await listed(endpoint, rootPath)).toContainEqual({ kind: 'other', path: 'link' });
  });

  it('that is swapped in while operations run never lets one out', async () => {
    await writeFile(join(root, 'a/secret'), 'inside');
    let running = true;
    const swapping = (async () => {
      while (running) {
        await rename(join(root, 'a'), join(root, 'away'));
        await symlink(join(base, 'outside'), join(root, 'a'));
        await rm(join(root, 'a'));
        await rename(join(root, 'away'), join(root, 'a'));
      }
    })();
    const seen = new Set<string>();
    for (let i = 0; i < 80; i++) {
      const reading = text(endpoint, parsePath('a/secret'));
      const putting = endpoint.put(parsePath(`a/f${i}`), body('x'), { signal });
      const [read] = await Promise.allSettled([reading, putting]);
      seen.add(read.status === 'fulfilled' ? read.value : (read.reason as { code: string }).code);
    }
    running = false;
    await swapping;
    expect([...seen].filter((s) => !['inside', 'not-found', 'path-refused'].includes(s))).toEqual([]);
    expect(await readdir(join(base, 'outside'))).toEqual(['secret']);
  });

  async function everythingIsRefused(path: string): Promise<void> {
    const at = parsePath(path);
    await writeFile(join(root, 'mine'), 'mine');
    const mine = parsePath('mine');
    const attempts = [
      text(endpoint, at),
      endpoint.stat(at, { signal }),
      endpoint.put(at, body('overwritten'), { signal }),
      endpoint.put(at, body('overwritten'), { signal, start: 1 }),
      endpoint.move(at, parsePath('stolen'), { signal, replace: true }),
      endpoint.move(at, parsePath('stolen'), { signal, replace: false }),
      endpoint.move(mine, at, { signal, replace: true }),
      endpoint.remove(at, { signal }),
    ];
    for (const result of await Promise.allSettled(attempts))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'path-refused' } });
  }
});

describe('what is not a regular file', () => {
  it('such as a FIFO is listed as something else, never waited for, never touched', async () => {
    await promisify(execFile)('mkfifo', [join(root, 'pipe')]);
    const pipe = parsePath('pipe');
    expect(await listed(endpoint, rootPath)).toContainEqual({ kind: 'other', path: 'pipe' });
    await expect(text(endpoint, pipe)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/a FIFO/),
    });
    await expect(endpoint.put(pipe, body('x'), { signal })).rejects.toMatchObject({ code: 'already-exists' });
    await endpoint.remove(pipe, { signal });
    expect(await readdir(root)).toContain('pipe');
  });

  it('such as a device is not read', async () => {
    await using devices = await openLocalEndpoint({ root: '/dev' });
    await expect(text(devices, parsePath('zero'))).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/a device/),
    });
    await expect(devices.put(parsePath('null'), body('x'), { signal })).rejects.toMatchObject({
      code: 'already-exists',
    });
  });

  it('such as a directory is neither moved nor replaced', async () => {
    await writeFile(join(root, 'file'), 'x');
    const directory = endpoint.move(parsePath('a'), parsePath('c'), { signal, replace: true });
    await expect(directory).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/a directory/),
    });
    const onto = endpoint.move(parsePath('file'), parsePath('a'), { signal, replace: true });
    await expect(onto).rejects.toMatchObject({ code: 'already-exists' });
    expect((await readdir(root)).sort()).toEqual(['a', 'file']);
  });
});

describe('names', () => {
  it('with control characters, and those that are not UTF-8, are listed as refused', async () => {
    await writeFile(join(root, 'a/line\nbreak'), '');
    await writeFile(Buffer.concat([Buffer.from(`${root}/a/M`), Buffer.from([0xe4]), Buffer.from('rz')]), '');
    const entries = await listed(endpoint, parsePath('a'));
    expect(entries).toContainEqual({
      kind: 'refused',
      name: 'line\nbreak',
      reason: 'the name holds the control character \\n',
    });
    expect(entries).toContainEqual({ kind: 'refused', name: 'März', reason: 'the name is not valid UTF-8' });
    expect(entries).toHaveLength(3);
  });

  it('that begin with a byte order mark keep it', async () => {
    await writeFile(join(root, 'a/\ufeffreport'), 'x');
    expect(await listed(endpoint, parsePath('a'))).toContainEqual(
      expect.objectContaining({ kind: 'file', path: 'a/\ufeffreport' }),
    );
  });

  it('of absolute paths lie below the root all the same', async () => {
    await expect(text(endpoint, parsePath(join(base, 'outside/secret')))).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it.each(['..', '../outside/secret', 'a/../../outside/secret', 'a/b\0', './a'])(
    'of a forged path such as %j are refused by the jail itself',
    async (forged) => {
      const path = forged as RemotePath;
      const attempts = [
        text(endpoint, path),
        endpoint.stat(path, { signal }),
        endpoint.put(path, body('x'), { signal }),
        endpoint.remove(path, { signal }),
        endpoint.makeDirectory(path, { signal }),
        listed(endpoint, path),
      ];
      for (const result of await Promise.allSettled(attempts))
        expect(result).toMatchObject({ status: 'rejected' });
      await expect(attempts[0]).rejects.toMatchObject({ code: 'path-refused' });
      expect(await readFile(join(base, 'outside/secret'), 'utf8')).toBe('secret');
    },
  );
});

it('an error says what was asked for and where, and keeps its cause', async () => {
  await expect(endpoint.stat(parsePath('no/where'), { signal })).rejects.toMatchObject({
    code: 'not-found',
    message: `can't look at "no/where" in file://${root}: no such file or directory (ENOENT)`,
    cause: { code: 'ENOENT' },
  });
});

it('a file that grows while it is read is read to its new end', async () => {
  await writeFile(join(root, 'file'), Buffer.alloc(1_000_000));
  let total = 0;
  for await (const chunk of endpoint.read(parsePath('file'), { signal })) {
    if (total === 0) await writeFile(join(root, 'file'), Buffer.alloc(2_000), { flag: 'a' });
    total += chunk.length;
  }
  expect(total).toBe(1_002_000);
});

async function listed(from: StorageEndpoint, directory: RemotePath): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  for await (const entry of from.list(directory, { signal })) entries.push(entry);
  return entries;
}

async function text(from: StorageEndpoint, path: RemotePath): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of from.read(path, { signal })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function* body(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}
