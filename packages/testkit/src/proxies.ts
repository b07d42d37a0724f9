import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inNewDirectory, type ServerProcess, startServerProcess } from './server-process.js';

export interface ProxyAccount {
  readonly username: string;
  readonly password: string;
}

/** Starts microsocks, a SOCKS5 proxy; with an account, it lets nobody else in. */
export async function startSocksProxy(account?: ProxyAccount): Promise<ServerProcess> {
  return await startServerProcess({
    program: '/usr/bin/microsocks',
    debianPackage: 'microsocks',
    args: (port) => [
      ...['-i', '127.0.0.1', '-p', `${port}`],
      ...(account ? ['-u', account.username, '-P', account.password] : []),
    ],
  });
}

export interface HttpProxyOptions {
  readonly account?: ProxyAccount;
  /** The ports that it connects to; any if left out. */
  readonly ports?: readonly number[];
}

/** Starts tinyproxy, an HTTP proxy that takes CONNECT. */
export async function startHttpProxy({ account, ports = [] }: HttpProxyOptions = {}): Promise<ServerProcess> {
  return await inNewDirectory('waybill-tinyproxy-', async (directory, remove) => {
    const file = join(directory, 'tinyproxy.conf');
    const server = await startServerProcess({
      program: '/usr/bin/tinyproxy',
      debianPackage: 'tinyproxy-bin',
      args: async (port) => {
        const lines = [
          'Listen 127.0.0.1',
          `Port ${port}`,
          'MaxClients 50',
          ...(account ? [`BasicAuth ${account.username} ${account.password}`] : []),
          ...ports.map((allowed) => `ConnectPort ${allowed}`),
          '',
        ];
        await writeFile(file, lines.join('\n'));
        return ['-d', '-c', file];
      },
    });
    const stop = async () => {
      await server.stop();
      await remove();
    };
    return { ...server, stop };
  });
}
