import { type LegacyAlgorithm, legacyAlgorithms } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import type { StorageEndpoint } from '@waybill/storage';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { SftpOptions } from './options.js';
import { probeHostKey } from './probe-host-key.js';
import { openSftpEndpoint } from './sftp-endpoint.js';

const { signal } = new AbortController();
const cleanups: (() => unknown)[] = [];

/** What a server of 2008 knew. */
const OLD = [
  'KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1',
  'HostKeyAlgorithms ssh-rsa',
  'Ciphers aes128-cbc,3des-cbc',
  'MACs hmac-sha1',
];
const NEEDED = 'diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,ssh-rsa,aes128-cbc,3des-cbc';

let old: OpenSshServer;
let modern: OpenSshServer;
beforeAll(async () => {
  [old, modern] = await Promise.all([
    startOpenSsh({ hostKeyTypes: ['rsa'], config: OLD }),
    startOpenSsh({ hostKeyTypes: ['rsa'] }),
  ]);
});
afterAll(() => Promise.all([old.stop(), modern.stop()]));
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function open(server: OpenSshServer, options: Partial<SftpOptions>): Promise<StorageEndpoint> {
  const endpoint = await openSftpEndpoint(
    {
      kind: 'sftp',
      host: server.host,
      port: server.port,
      username: server.username,
      root: server.root,
      connectTimeoutMs: 5_000,
      operationTimeoutMs: 5_000,
      keepaliveMs: 5_000,
      secret: { kind: 'private-key', privateKey: server.clientKey.privateKey },
      hostKeys: server.hostKeys.map(parseHostKey),
      ...options,
    },
    signal,
  );
  cleanups.push(() => endpoint[Symbol.asyncDispose]());
  return endpoint;
}

it('a server that has only weak algorithms is refused, and all that could be allowed is named at once', async () => {
  const message = expect.stringMatching(
    new RegExp(
      `sftp://${old.username}@127.0.0.1:${old.port} has no algorithm in common with us. It offers for key exchange ` +
        'diffie-hellman-group14-sha1, diffie-hellman-group1-sha1.*; the host key ssh-rsa; encryption aes128-cbc, 3des-cbc; ' +
        `integrity hmac-sha1. .*--legacy ${NEEDED},hmac-sha1$`,
    ),
  );
  await expect(open(old, {})).rejects.toMatchObject({ code: 'protocol-error', message });
});

it('with these allowed it is used, and it is told which of them were', async () => {
  const told: LegacyAlgorithm[] = [];
  await open(old, {
    legacyAlgorithms: [...(NEEDED.split(',') as LegacyAlgorithm[]), 'hmac-sha1'],
    onLegacyAlgorithms: (names) => told.push(...names),
  });
  expect(told.toSorted()).toEqual(['aes128-cbc', 'diffie-hellman-group14-sha1', 'hmac-sha1', 'ssh-rsa']);
});

it('what one of them lacks still is named alone', async () => {
  const allowed = ['ssh-rsa', 'diffie-hellman-group14-sha1', 'hmac-sha1'] as const;
  await expect(open(old, { legacyAlgorithms: allowed })).rejects.toMatchObject({
    message: expect.stringMatching(
      /offers for encryption aes128-cbc, 3des-cbc\. .*--legacy aes128-cbc,3des-cbc$/,
    ),
  });
});

it('a server that has better ones is never asked for a weak one, whatever is allowed', async () => {
  const told: LegacyAlgorithm[] = [];
  await open(modern, { legacyAlgorithms, onLegacyAlgorithms: (names) => told.push(...names) });
  expect(told).toEqual([]);
});

it('the host key of such a server is asked for with the same algorithms', async () => {
  const key = old.hostKeys.map(parseHostKey);
  await expect(probeHostKey(old, signal)).rejects.toMatchObject({
    message: expect.stringContaining('no algorithm in common'),
  });
  const { host, port } = old;
  expect(await probeHostKey({ host, port, legacyAlgorithms }, signal)).toEqual(key);
  expect(await probeHostKey({ host: modern.host, port: modern.port, legacyAlgorithms }, signal)).toEqual(
    modern.hostKeys.map(parseHostKey),
  );
});

it('a jump host that has only weak algorithms is told of in the same way', async () => {
  const { host, port, username, hostKeys } = old;
  const account = {
    ...({ kind: 'sftp', host, port, username, root: '' } as const),
    ...{ connectTimeoutMs: 5_000, operationTimeoutMs: 5_000, keepaliveMs: 5_000 },
    secret: { kind: 'private-key', privateKey: old.clientKey.privateKey } as const,
    hostKeys: hostKeys.map(parseHostKey),
  };
  await expect(open(modern, { route: { kind: 'jump', host: account } })).rejects.toMatchObject({
    code: 'protocol-error',
    message: expect.stringMatching(/^jump host ssh:.* has no algorithm in common with us/),
  });
  await open(modern, { route: { kind: 'jump', host: { ...account, legacyAlgorithms } } });
});
