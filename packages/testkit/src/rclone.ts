import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountServer } from './account-server.js';
import { inNewDirectory, startServerProcess } from './server-process.js';
import { makeKey } from './ssh-keys.js';

/** Starts `rclone serve sftp`, as root and as an ordinary user. `/` of the account is its directory. */
export async function startRclone(): Promise<AccountServer> {
  return inNewDirectory('waybill-rclone-', async (directory, remove) => {
    const files = join(directory, 'files');
    const [hostKey, clientKey] = await Promise.all([
      makeKey(join(directory, 'host')),
      makeKey(join(directory, 'client')),
      mkdir(files),
      writeFile(join(directory, 'rclone.conf'), ''),
    ]);
    const server = await startServerProcess({
      program: '/usr/bin/rclone',
      debianPackage: 'rclone',
      args: (port) => [
        'serve',
        'sftp',
        files,
        ...['--config', join(directory, 'rclone.conf')],
        ...['--addr', `127.0.0.1:${port}`],
        ...['--key', join(directory, 'host')],
        ...['--authorized-keys', join(directory, 'client.pub')],
        // Without a cache on disk it can neither continue a file nor write out of order.
        ...['--vfs-cache-mode', 'full', '--cache-dir', join(directory, 'cache')],
        ...['--vfs-write-back', '0s', '--dir-cache-time', '0s'],
      ],
    });
    return {
      host: '127.0.0.1',
      port: server.port,
      username: 'partner',
      directory: files,
      root: '/',
      hostKey: hostKey.publicKey,
      privateKey: clientKey.privateKey,
      log: server.log,
      stop: async () => {
        await server.stop();
        await remove();
      },
    };
  });
}
