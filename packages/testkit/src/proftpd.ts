import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AccountServer } from './account-server.js';
import { inNewDirectory, startServerProcess } from './server-process.js';
import { makeKey } from './ssh-keys.js';

const run = promisify(execFile);

const USERNAME = 'partner';

/** Starts ProFTPD's `mod_sftp` with an account of its own, as root and as an ordinary user. Nothing is jailed. */
export async function startProftpd(): Promise<AccountServer> {
  return inNewDirectory('waybill-proftpd-', async (directory, remove) => {
    const home = join(directory, 'home');
    const [hostKey, clientKey] = await Promise.all([
      makeKey(join(directory, 'host'), 'rsa'),
      makeKey(join(directory, 'client')),
      mkdir(home),
    ]);
    await writeAccount(directory, home);
    const server = await startServerProcess({
      program: '/usr/sbin/proftpd',
      debianPackage: 'proftpd-core and proftpd-mod-crypto',
      args: async (port) => {
        const file = join(directory, 'proftpd.conf');
        const { stdout: group } = await run('id', ['-gn']);
        await writeFile(file, `${configLines(directory, port, group.trim()).join('\n')}\n`);
        return ['--nodaemon', '--config', file];
      },
    });
    return {
      host: '127.0.0.1',
      port: server.port,
      username: USERNAME,
      directory: home,
      root: home,
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

/** The account is this process's user by another name: ProFTPD could not become anybody else without being root. */
async function writeAccount(directory: string, home: string): Promise<void> {
  const { uid, gid } = userInfo();
  const passwords = join(directory, 'passwd');
  // `*` matches no password.
  await writeFile(passwords, `${USERNAME}:*:${uid}:${gid}::${home}:/bin/sh\n`, { mode: 0o600 });
  await writeFile(join(directory, 'group'), `${USERNAME}:*:${gid}:${USERNAME}\n`, { mode: 0o600 });
  // mod_sftp reads the format of RFC 4716 alone.
  const { stdout } = await run('ssh-keygen', ['-e', '-m', 'RFC4716', '-f', join(directory, 'client.pub')]);
  await writeFile(join(directory, 'authorized_keys'), stdout);
}

function configLines(directory: string, port: number, group: string): string[] {
  return [
    'ModulePath /usr/lib/proftpd',
    'LoadModule mod_sftp.c',
    'ServerType standalone',
    'UseIPv6 off',
    'DefaultAddress 127.0.0.1',
    `Port ${port}`,
    'SocketBindTight on',
    `User ${userInfo().username}`,
    `Group ${group}`,
    'RootLogin on',
    'RequireValidShell off',
    'UseReverseDNS off',
    'WtmpLog off',
    'TransferLog none',
    `SystemLog ${directory}/system.log`,
    `PidFile ${directory}/pid`,
    `ScoreboardFile ${directory}/scoreboard`,
    'DelayTable none',
    'AuthOrder mod_auth_file.c',
    `AuthUserFile ${directory}/passwd`,
    `AuthGroupFile ${directory}/group`,
    'AllowOverwrite on',
    'AllowStoreRestart on',
    'SFTPEngine on',
    `SFTPLog ${directory}/sftp.log`,
    `SFTPHostKey ${directory}/host`,
    `SFTPAuthorizedUserKeys file:${directory}/authorized_keys`,
    'SFTPAuthMethods publickey',
  ];
}
