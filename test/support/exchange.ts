import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOpenSsh } from '@waybill/testkit/openssh';
import type { Api, Json } from './api.js';
import { type Cleanup, openWhole } from './cleanup.js';

/** A partner with a real OpenSSH server, and directories on both sides. */
export interface Exchange {
  readonly server: Awaited<ReturnType<typeof startOpenSsh>>;
  /** Directory of ours that the endpoint `ours` shows. */
  readonly local: string;
  /** Directory of the partner that the endpoint `acme-sftp` shows. */
  readonly remote: string;
  /** Defines a transfer between `ours` and `acme-sftp`. */
  define(name: string, direction: 'push' | 'pull', more?: Json): Promise<Json>;
}

export const PARTNER = 'acme-sftp';

/** Defines the partner `acme` over the API: endpoints, pinned host key, key authentication. */
export async function defineExchange(
  api: Api,
  options: { via?: { host: string; port: number }; hostKey?: string } = {},
): Promise<Exchange & AsyncDisposable> {
  return openWhole((cleanup) => openExchange(cleanup, api, options));
}

async function openExchange(
  cleanup: Cleanup,
  api: Api,
  { via, hostKey }: { via?: { host: string; port: number }; hostKey?: string },
): Promise<Exchange> {
  const server = await startOpenSsh();
  cleanup.defer(() => server.stop());
  const local = await mkdtemp(join(tmpdir(), 'waybill-local-'));
  cleanup.defer(() => rm(local, { recursive: true, force: true }));
  const remote = join(server.root, 'exchange');
  for (const directory of ['in', 'out', 'archive']) {
    await mkdir(join(local, directory), { recursive: true });
    await mkdir(join(remote, directory), { recursive: true });
  }

  await api.post('/partners', { name: 'acme', title: 'Acme Corp.' });
  await api.post('/endpoints', { name: 'ours', settings: { kind: 'local', root: local } });
  await api.post('/endpoints', {
    name: PARTNER,
    partnerId: 'acme',
    settings: {
      kind: 'sftp',
      host: (via ?? server).host,
      port: (via ?? server).port,
      username: server.username,
      root: remote,
    },
  });
  await api.post(`/endpoints/${PARTNER}/host-keys`, { key: hostKey ?? server.hostKey });
  await api.call('PUT', `/endpoints/${PARTNER}/credential`, {
    kind: 'private-key',
    privateKey: server.clientKey.privateKey,
  });

  return {
    server,
    local,
    remote,
    define: (name, direction, more = {}) => {
      const [from, to] = direction === 'push' ? ['ours', PARTNER] : [PARTNER, 'ours'];
      const { definition, ...rest } = more;
      return api.post('/transfers', {
        name,
        definition: {
          source: { endpointId: from, directory: 'out', include: ['*'], selection: { settleMs: 0 } },
          target: { endpointId: to, directory: 'in' },
          ...definition,
        },
        ...rest,
      });
    },
  };
}
