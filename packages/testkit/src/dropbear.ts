import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AccountServer } from './account-server.js';
import { inNewDirectory, startServerProcess } from './server-process.js';
import { makeKey } from './ssh-keys.js';

const run = promisify(execFile);

/** Where the dynamic linker finds it by itself. */
const NSS_WRAPPER = 'libnss_wrapper.so';

/** Compiled into Debian's dropbear. */
const SFTP_SERVER = '/usr/lib/sftp-server';

/**
 * Starts dropbear with OpenSSH's sftp-server, as root and as an ordinary user. Dropbear looks for authorized keys in the
 * account's home alone, so it is shown a home of our own (by nss_wrapper) instead of the one of the person who tests.
 */
export async function startDropbear(): Promise<AccountServer> {
  if (!existsSync(SFTP_SERVER))
    throw new Error(`${SFTP_SERVER} is missing: install the Debian package openssh-sftp-server`);
  return inNewDirectory('waybill-dropbear-', async (directory, remove) => {
    const [hostKey, clientKey] = await Promise.all([
      makeHostKey(join(directory, 'host')),
      makeKey(join(directory, 'client')),
    ]);
    const { username } = userInfo();
    const home = await makeHome(directory, clientKey.publicKey);
    const server = await startServerProcess({
      program: '/usr/sbin/dropbear',
      debianPackage: 'dropbear-bin',
      env: {
        LD_PRELOAD: NSS_WRAPPER,
        NSS_WRAPPER_PASSWD: join(directory, 'passwd'),
        NSS_WRAPPER_GROUP: join(directory, 'group'),
      },
      // Foreground, log to standard error, no passwords, one host key.
      args: (port) => [
        '-F',
        '-E',
        '-s',
        '-r',
        join(directory, 'host'),
        '-P',
        join(directory, 'pid'),
        '-p',
        `127.0.0.1:${port}`,
      ],
    });
    return {
      host: '127.0.0.1',
      port: server.port,
      username,
      directory: home,
      root: home,
      hostKey,
      privateKey: clientKey.privateKey,
      log: server.log,
      stop: async () => {
        await server.stop();
        await remove();
      },
    };
  });
}

async function makeHostKey(file: string): Promise<string> {
  const { stdout } = await run('dropbearkey', ['-t', 'ed25519', '-f', file]);
  const line = /^ssh-ed25519 \S+/m.exec(stdout)?.[0];
  if (line === undefined) throw new Error(`dropbearkey printed no public key:\n${stdout}`);
  return line;
}

/** @returns the directory; dropbear insists that nobody else may write into it */
async function makeHome(directory: string, authorizedKey: string): Promise<string> {
  const { username, uid, gid } = userInfo();
  const home = join(directory, 'home');
  await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  await chmod(home, 0o700);
  await writeFile(join(home, '.ssh', 'authorized_keys'), `${authorizedKey}\n`, { mode: 0o600 });
  await writeFile(join(directory, 'passwd'), `${username}:x:${uid}:${gid}::${home}:/bin/sh\n`);
  await writeFile(join(directory, 'group'), `${username}:x:${gid}:\n`);
  return home;
}
