import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePath } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import { startOpenSsh } from '@waybill/testkit/openssh';
import { expect, it } from 'vitest';
import { openSftpEndpoint } from './sftp-endpoint.js';

const { signal } = new AbortController();
const content = Buffer.alloc(2 * 1024 * 1024);
for (let i = 0; i < content.length; i += 4) content.writeUInt32LE((i * 2_654_435_761) >>> 0, i);

async function* body(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
}

it.each(['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'chacha20-poly1305@openssh.com'])(
  'moves whole files over %s while the server agrees on new keys again and again',
  async (cipher) => {
    await using server = disposable(
      await startOpenSsh({ config: [`Ciphers ${cipher}`, 'RekeyLimit 200K', 'LogLevel DEBUG1'] }),
    );
    await writeFile(join(server.root, 'there'), content);
    await using endpoint = await openSftpEndpoint(
      {
        kind: 'sftp',
        host: '127.0.0.1',
        port: server.port,
        username: server.username,
        root: '',
        connectTimeoutMs: 10_000,
        operationTimeoutMs: 10_000,
        keepaliveMs: 10_000,
        secret: { kind: 'private-key', privateKey: server.clientKey.privateKey },
        hostKeys: [parseHostKey(server.hostKey)],
      },
      signal,
    );
    await endpoint.put(parsePath('here'), body(), { signal });
    expect((await readFile(join(server.root, 'here'))).equals(content)).toBe(true);
    const hash = createHash('sha256');
    for await (const chunk of endpoint.read(parsePath('there'), { signal })) hash.update(chunk);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'));
    expect(server.log().match(/SSH2_MSG_NEWKEYS received/g)?.length).toBeGreaterThan(10);
  },
);

function disposable<T extends { stop(): Promise<void> }>(server: T): T & AsyncDisposable {
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.stop() });
}
