import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseHostKey } from '@waybill/domain/host-key';
import type { AccountServer } from '@waybill/testkit/account-server';
import { type OpenSshOptions, startOpenSsh } from '@waybill/testkit/openssh';
import type { SftpOptions } from '../options.js';

/** What it takes to reach the account of a real server. */
export function optionsFor({ host, port, username, root, privateKey, hostKey }: AccountServer): SftpOptions {
  return {
    kind: 'sftp',
    host,
    port,
    username,
    root,
    connectTimeoutMs: 20_000,
    operationTimeoutMs: 20_000,
    keepaliveMs: 10_000,
    secret: { kind: 'private-key', privateKey },
    hostKeys: [parseHostKey(hostKey)],
  };
}

/** Its root is a directory below the one where its sessions start. */
export async function startOpenSshAccount(options: OpenSshOptions): Promise<AccountServer> {
  const server = await startOpenSsh(options);
  const directory = join(server.root, 'partner');
  await mkdir(directory);
  const { host, port, username, hostKey, clientKey, log, stop } = server;
  return {
    ...{ host, port, username, hostKey, log, stop, directory },
    root: 'partner',
    privateKey: clientKey.privateKey,
  };
}
