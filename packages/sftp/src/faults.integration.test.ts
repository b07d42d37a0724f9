import { createHash } from 'node:crypto';
import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePath } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import type { ListEntry, StorageEndpoint } from '@waybill/storage';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from '@waybill/testkit/tcp-proxy';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SftpOptions } from './options.js';
import { openSftpEndpoint } from './sftp-endpoint.js';

const MIB = 1024 * 1024;
const { signal } = new AbortController();
const path = parsePath('file');
let server: OpenSshServer;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startOpenSsh();
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function open(port = server.port, options: Partial<SftpOptions> = {}): Promise<StorageEndpoint> {
  const endpoint = await openSftpEndpoint(
    {
      kind: 'sftp',
      host: '127.0.0.1',
      port,
      username: server.username,
      root: '',
      connectTimeoutMs: 10_000,
      operationTimeoutMs: 10_000,
      keepaliveMs: 10_000,
      secret: { kind: 'private-key', privateKey: server.clientKey.privateKey },
      hostKeys: [parseHostKey(server.hostKey)],
      ...options,
    },
    signal,
  );
  cleanups.push(() => endpoint[Symbol.asyncDispose]());
  return endpoint;
}

async function openThroughProxy(
  proxied: Omit<TcpProxyOptions, 'target'>,
  options: Partial<SftpOptions> = {},
): Promise<[StorageEndpoint, TcpProxy]> {
  const proxy = await startTcpProxy({ target: server, ...proxied });
  cleanups.push(() => proxy.close());
  return [await open(proxy.port, options), proxy];
}

const inRoot = (name: string) => join(server.root, name);

function bytes(size: number): Buffer {
  const buffer = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) buffer.writeUInt32LE((i * 2654435761) >>> 0, i);
  return buffer;
}

async function* chunksOf(content: Buffer, onChunk: () => unknown = () => {}): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 64 * 1024) {
    await onChunk();
    yield content.subarray(at, at + 64 * 1024);
  }
}

async function readAll(endpoint: StorageEndpoint, onFirst: () => unknown = () => {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of endpoint.read(path, { signal })) {
    if (chunks.push(chunk) === 1) await onFirst();
  }
  return Buffer.concat(chunks);
}

function digest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

describe('a connection that is cut', () => {
  it('in the middle of a read ends it with connection-lost, and so everything after it, at once', async () => {
    await writeFile(inRoot('file'), bytes(16 * MIB));
    const [endpoint] = await openThroughProxy({ cutAfterBytes: 4 * MIB });
    await expect(readAll(endpoint)).rejects.toMatchObject({ code: 'connection-lost' });
    const started = performance.now();
    await expect(endpoint.stat(path, { signal })).rejects.toMatchObject({ code: 'connection-lost' });
    expect(performance.now() - started).toBeLessThan(100);
  });

  it('in the middle of a put ends it with connection-lost, and what was acknowledged is there', async () => {
    const content = bytes(16 * MIB);
    const [endpoint] = await openThroughProxy({ cutAfterBytes: 6 * MIB });
    let acknowledged = 0;
    const onProgress = (prefix: number) => {
      acknowledged = prefix;
    };
    const putting = endpoint.put(path, chunksOf(content), { signal, onProgress });
    await expect(putting).rejects.toMatchObject({ code: 'connection-lost' });
    expect(acknowledged).toBeGreaterThan(0);
    const there = await readFile(inRoot('file'));
    expect(there.length).toBeGreaterThanOrEqual(acknowledged);
    expect(digest(there.subarray(0, acknowledged))).toBe(digest(content.subarray(0, acknowledged)));

    const again = await open();
    const rest = chunksOf(content.subarray(acknowledged));
    expect(await again.put(path, rest, { signal, start: acknowledged })).toMatchObject({ size: 16 * MIB });
    expect(digest(await readFile(inRoot('file')))).toBe(digest(content));
  });

  it('between two operations fails the next one with connection-lost', async () => {
    const endpoint = await open();
    await writeFile(inRoot('file'), 'x');
    await endpoint.stat(path, { signal });
    server.cutSessions();
    await sleep(50);
    await expect(endpoint.stat(path, { signal })).rejects.toMatchObject({ code: 'connection-lost' });
  });
});

describe('a server that falls silent', () => {
  const operationTimeoutMs = 500;

  it('is timed-out within the deadline, in the middle of a read and of a put', async () => {
    await writeFile(inRoot('file'), bytes(8 * MIB));
    for (const work of [
      (endpoint: StorageEndpoint) => readAll(endpoint),
      (endpoint: StorageEndpoint) => endpoint.put(parsePath('other'), chunksOf(bytes(8 * MIB)), { signal }),
    ]) {
      const [endpoint] = await openThroughProxy({ stallAfterBytes: 2 * MIB }, { operationTimeoutMs });
      const started = performance.now();
      await expect(work(endpoint)).rejects.toMatchObject({
        code: 'timed-out',
        message: expect.stringContaining('no answer within 500 ms'),
      });
      expect(performance.now() - started).toBeLessThan(5_000);
      await expect(endpoint.stat(path, { signal })).rejects.toMatchObject({ code: 'connection-lost' });
    }
  });

  it('does not hold up an abort', async () => {
    const [endpoint, proxy] = await openThroughProxy({});
    proxy.stall();
    const reason = new Error('the operator cancelled the run');
    const started = performance.now();
    const stopped = AbortSignal.abort(reason);
    await expect(endpoint.stat(path, { signal: stopped })).rejects.toBe(reason);
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 30);
    await expect(endpoint.stat(path, { signal: controller.signal })).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('while nothing is asked is found out by keepalives', async () => {
    const [endpoint, proxy] = await openThroughProxy({}, { keepaliveMs: 40 });
    proxy.stall();
    await sleep(600);
    proxy.resume();
    await expect(endpoint.stat(path, { signal })).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringContaining('Keepalive timeout'),
    });
  });

  it('because nothing is asked of it is not timed-out: a body may take its time', async () => {
    const endpoint = await open(server.port, { operationTimeoutMs });
    const slowly = chunksOf(bytes(MIB), () => sleep(50));
    await expect(endpoint.put(path, slowly, { signal })).resolves.toMatchObject({ size: MIB });
  });
});

describe('a file that changes while it is read', () => {
  it('is read to its new end if it grows', async () => {
    const content = bytes(50 * MIB);
    // More than is ever asked for at once: whoever has seen the end of a file has read it.
    await writeFile(inRoot('file'), content.subarray(0, 44 * MIB + 17));
    const read = await readAll(await open(), () =>
      appendFile(inRoot('file'), content.subarray(44 * MIB + 17)),
    );
    expect(digest(read)).toBe(digest(content));
  });

  it('ends early if it shrinks', async () => {
    await writeFile(inRoot('file'), bytes(24 * MIB));
    const read = await readAll(await open(), () => truncate(inRoot('file'), 1000));
    expect(read.length).toBeLessThan(24 * MIB);
  });
});

describe('an operation that is aborted', () => {
  it('leaves the session usable and keeps nothing open at the server', async () => {
    const endpoint = await open();
    await writeFile(inRoot('file'), bytes(8 * MIB));
    const reason = new Error('the operator cancelled the run');
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      const reading = async () => {
        for await (const _ of endpoint.read(path, { signal: controller.signal })) controller.abort(reason);
      };
      await expect(reading()).rejects.toBe(reason);
      const abortAtOnce = new AbortController();
      const statting = endpoint.read(path, { signal: abortAtOnce.signal })[Symbol.asyncIterator]().next();
      abortAtOnce.abort(reason);
      await expect(statting).rejects.toBe(reason);
    }
    expect(await readAll(endpoint)).toHaveLength(8 * MIB);
    await endpoint.stat(path, { signal });
    expect(await openHandles()).toBe(0);
  });
});

describe('names and places that are not what they seem', () => {
  it('a listing refuses names with control characters or broken UTF-8, and follows no links', async () => {
    const directory = inRoot('hostile');
    await mkdir(directory);
    await writeFile(join(directory, 'a\nb'), '');
    await writeFile(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0x66, 0xff, 0x6f])]), '');
    await symlink('/etc/passwd', join(directory, 'link'));
    await writeFile(join(directory, 'good'), 'x');
    const endpoint = await open();
    const entries: ListEntry[] = [];
    for await (const entry of endpoint.list(parsePath('hostile'), { signal })) entries.push(entry);
    const refused = entries.filter((entry) => entry.kind === 'refused').map((entry) => entry.reason);
    expect(refused.sort()).toEqual([
      'the name holds the control character \\n',
      'the name is not valid UTF-8',
    ]);
    expect(entries).toContainEqual({ kind: 'other', path: 'hostile/link' });
    expect(entries).toHaveLength(4);
    const link = parsePath('hostile/link');
    await expect(endpoint.stat(link, { signal })).rejects.toMatchObject({ code: 'not-found' });
    await expect(endpoint.read(link, { signal })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('a put onto a device or directory that cannot take it fails with the right code', async () => {
    const endpoint = await open(server.port, { root: '/' });
    const full = endpoint.put(parsePath('dev/full'), chunksOf(bytes(MIB)), { signal });
    await expect(full).rejects.toMatchObject({
      name: 'StorageError',
      message: expect.stringContaining('/dev/full'),
    });
    const directory = endpoint.put(parsePath('dev'), chunksOf(bytes(10)), { signal });
    await expect(directory).rejects.toMatchObject({ code: 'already-exists' });
    expect((await stat('/dev/full')).isCharacterDevice()).toBe(true);
  });
});

/** Descriptors below the server's root that any process on this machine holds open. */
async function openHandles(): Promise<number> {
  let found = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const links = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const fd of links) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (target.startsWith(server.root)) found++;
    }
  }
  return found;
}
