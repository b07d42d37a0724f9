import { randomBytes } from 'node:crypto';
import { type Endpoint, openDatabase } from '@waybill/db';
import type { Actor, LegacyAlgorithm, RouteSettings, SftpSettings } from '@waybill/domain';
import {
  addHostKey,
  createEndpoint,
  setCredential,
  setProxyPassword,
  updateEndpoint,
} from '@waybill/operations';
import { createVault, parseMasterKey } from '@waybill/secrets';
import type { StorageEndpoint } from '@waybill/storage';
import { createTestDatabase } from '@waybill/testkit';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { startSocksProxy } from '@waybill/testkit/proxies';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openEndpoint } from './open-endpoint.js';

const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the key'));
const actor: Actor = { kind: 'system', name: 'test' };
const { signal } = new AbortController();
const stops: (() => Promise<unknown>)[] = [];
const cleanups: (() => Promise<unknown>)[] = [];
let server: OpenSshServer;
let context: { readonly database: ReturnType<typeof openDatabase>; readonly actor: Actor };

beforeAll(async () => {
  const home = await createTestDatabase();
  stops.push(() => home.drop());
  context = { database: openDatabase({ url: home.url }), actor };
  stops.push(() => context.database.close());
  server = await startOpenSsh({ config: ['Ciphers aes128-cbc'] });
  stops.push(() => server.stop());
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** An account on our sshd. */
async function define(name: string, changes: Partial<SftpSettings>): Promise<Endpoint> {
  const endpoint = await createEndpoint(context, {
    name,
    settings: {
      kind: 'sftp',
      host: server.host,
      port: server.port,
      username: server.username,
      root: server.root,
      connectTimeoutMs: 5_000,
      operationTimeoutMs: 5_000,
      keepaliveMs: 5_000,
      legacyAlgorithms: ['aes128-cbc'],
      ...changes,
    },
  });
  await addHostKey(context, name, server.hostKey);
  const { privateKey } = server.clientKey;
  return await setCredential(context, endpoint.id, { kind: 'private-key', privateKey }, vault);
}

async function open(
  endpoint: Endpoint,
  legacyAlgorithms: (of: Endpoint, names: readonly LegacyAlgorithm[]) => void = () => {},
): Promise<StorageEndpoint> {
  const observer = {
    announcedHostKeys() {},
    refusedHostKey() {},
    refusedSecret() {},
    legacyAlgorithms,
    log() {},
  };
  const opened = await openEndpoint(context.database, vault, endpoint, signal, observer);
  cleanups.push(async () => await opened[Symbol.asyncDispose]());
  return opened;
}

it('an endpoint is opened by way of another one, which is behind a proxy that wants a password', async () => {
  const account = { username: 'us', password: 'through.here' };
  const proxy = await startSocksProxy(account);
  cleanups.push(() => proxy.stop());
  const toProxy = { kind: 'socks5', host: '127.0.0.1', port: proxy.port, username: 'us' } as const;
  const bastion = await define('bastion', { route: toProxy });
  const behind = await define('behind', { route: { kind: 'jump', endpointId: 'bastion' } });
  await expect(open(behind)).rejects.toMatchObject({
    code: 'misconfigured',
    message: expect.stringContaining('waybill endpoint credential bastion --proxy'),
  });
  await setProxyPassword(context, bastion.id, account.password, vault);
  const told: unknown[] = [];
  const opened = await open(behind, (of, names) => told.push([of.name, ...names]));
  expect(opened.label).toContain(`:${server.port}`);
  expect(told).toEqual([
    ['bastion', 'aes128-cbc'],
    ['behind', 'aes128-cbc'],
  ]);
});

it('a circle of jump hosts that came about all the same is refused', async () => {
  const one = await define('one', {});
  await define('other', { route: { kind: 'jump', endpointId: one.id } });
  const route: RouteSettings = { kind: 'jump', endpointId: 'other' };
  await expect(updateEndpoint(context, 'one', { settings: { ...settingsOf(one), route } })).rejects.toThrow();
  await context.database.prisma.$executeRaw`
    update endpoint set settings = settings || ${JSON.stringify({ route })}::jsonb where name = 'one'`;
  const circular = { ...one, settings: { ...settingsOf(one), route } };
  await expect(open(circular)).rejects.toMatchObject({
    code: 'misconfigured',
    message: expect.stringContaining('more than 3 jump hosts'),
  });
});

function settingsOf({ settings }: Endpoint): SftpSettings {
  if (settings.kind !== 'sftp') throw new Error('no SFTP endpoint');
  return settings;
}
