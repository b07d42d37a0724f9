import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseHostKey } from '@waybill/domain/host-key';
import { describeEndpoint } from '@waybill/storage/conformance';
import { startOpenSsh } from '@waybill/testkit/openssh';
import { openSftpEndpoint } from './sftp-endpoint.js';

describeEndpoint('an SFTP account of OpenSSH', async () => {
  const server = await startOpenSsh();
  await mkdir(join(server.root, 'partner'));
  const endpoint = await openSftpEndpoint(
    {
      kind: 'sftp',
      host: server.host,
      port: server.port,
      username: server.username,
      root: 'partner',
      connectTimeoutMs: 20_000,
      operationTimeoutMs: 20_000,
      keepaliveMs: 10_000,
      secret: { kind: 'private-key', privateKey: server.clientKey.privateKey },
      hostKeys: [parseHostKey(server.hostKey)],
    },
    new AbortController().signal,
  );
  return {
    endpoint,
    seed: async (path, content) => {
      const file = join(server.root, 'partner', path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    },
    close: async () => {
      await endpoint[Symbol.asyncDispose]();
      await server.stop();
    },
  };
});
