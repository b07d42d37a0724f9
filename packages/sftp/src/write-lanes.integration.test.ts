import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePath } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { startTcpProxy } from '@waybill/testkit/tcp-proxy';
import { afterEach, expect, it } from 'vitest';
import { openSftpEndpoint } from './sftp-endpoint.js';

const MIB = 1024 * 1024;
const { signal } = new AbortController();
const path = parsePath('file');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** Pieces of which no two are alike, so that one at the wrong place shows. */
const content = Buffer.alloc(24 * MIB);
for (let i = 0; i < content.length; i += 4) content.writeUInt32LE((i * 2_654_435_761) >>> 0, i);

async function* body(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
}

async function putOver(roundTripMs: number, maxChannels: number, config: readonly string[] = []) {
  const server = await startOpenSsh({ config });
  cleanups.push(() => server.stop());
  const proxy = await startTcpProxy({ target: server, delayMs: roundTripMs / 2 });
  cleanups.push(() => proxy.close());
  const log: string[] = [];
  const endpoint = await openSftpEndpoint(
    {
      kind: 'sftp',
      host: '127.0.0.1',
      port: proxy.port,
      username: server.username,
      root: '',
      connectTimeoutMs: 10_000,
      operationTimeoutMs: 10_000,
      keepaliveMs: 10_000,
      maxChannels,
      secret: { kind: 'private-key', privateKey: server.clientKey.privateKey },
      hostKeys: [parseHostKey(server.hostKey)],
      log: (message) => log.push(message),
    },
    signal,
  );
  cleanups.push(() => endpoint[Symbol.asyncDispose]());
  const told: number[] = [];
  const held = await endpoint.put(path, body(), { signal, onProgress: (bytes) => told.push(bytes) });
  return { server, proxy, endpoint, held, told, log };
}

async function expectWhole(server: OpenSshServer): Promise<void> {
  expect((await readFile(join(server.root, 'file'))).equals(content)).toBe(true);
}

const channelsOf = (server: OpenSshServer) => server.log().match(/Starting session: /g)?.length ?? 0;

it('a large file on a long line is written over several channels, and never over more than allowed', async () => {
  const { server, proxy, held, told } = await putOver(40, 3);
  expect(held.size).toBe(content.length);
  await expectWhole(server);
  expect(channelsOf(server)).toBe(3);
  expect(proxy.connections).toBe(1);
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expect(told.at(-1)).toBe(content.length);
});

it('one channel stays one channel where the operator says so', async () => {
  const { server } = await putOver(40, 1);
  await expectWhole(server);
  expect(channelsOf(server)).toBe(1);
});

it('a server that refuses further channels gets the file over those that it grants', async () => {
  const { server, endpoint, log } = await putOver(40, 10, ['MaxSessions 2']);
  await expectWhole(server);
  expect(channelsOf(server)).toBe(2);
  expect(log).toEqual([expect.stringContaining('no further channel to sftp://')]);
  expect((await endpoint.stat(path, { signal })).size).toBe(content.length);
});
