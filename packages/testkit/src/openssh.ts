import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, killDescendants, killTree } from './server-process.js';
import { fingerprintOf, type KeyType, makeKey } from './ssh-keys.js';

const run = promisify(execFile);

export type HostKeyType = KeyType;

export interface OpenSshOptions {
  /** One key of each type is made; `['ed25519']` if left out. */
  readonly hostKeyTypes?: readonly HostKeyType[];
  /** Further lines of `sshd_config`, such as `MaxSessions 2`. */
  readonly config?: readonly string[];
  /** `ChrootDirectory`: sessions see nothing above the parent of `root`, and start in `/root`. Needs root. */
  readonly chroot?: boolean;
}

export interface OpenSshServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The current user: only root could let anybody else in. */
  readonly username: string;
  /** Directory on this machine in which SFTP sessions start. Not jailed unless by `chroot`: absolute paths are the machine's. */
  readonly root: string;
  /** The first host key as it stands in `known_hosts`: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** Of the first host key: `SHA256:…`. */
  readonly hostKeyFingerprint: string;
  /** One for each of `hostKeyTypes`, in their order. */
  readonly hostKeys: readonly string[];
  readonly clientKey: { readonly privateKey: string; readonly publicKey: string };
  /** Is let in as well. */
  readonly encryptedClientKey: { readonly privateKey: string; readonly passphrase: string };
  /** Is not let in. */
  readonly strangerKey: { readonly privateKey: string };
  /** What sshd logged since the start (level VERBOSE). Lines may lag behind what a client saw. */
  log(): string;
  /** Kills all processes, open sessions included, and starts again on the same port; with other host keys if asked. */
  restart(options?: { readonly newHostKeys?: boolean }): Promise<void>;
  /** Kills open sessions only. */
  cutSessions(): void;
  /** Ends all processes and removes the directory. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 10_000;
const PASSPHRASE = 'a passphrase with spaces';

/**
 * Starts Debian's sshd with keys and configuration of its own on a free port of 127.0.0.1. Works as root and as an
 * ordinary user. Password authentication is off: it would need an account with a known password.
 * @throws if openssh-server is missing, or with sshd's log if it does not start
 */
export async function startOpenSsh(options: OpenSshOptions = {}): Promise<OpenSshServer> {
  if (!existsSync('/usr/sbin/sshd'))
    throw new Error('/usr/sbin/sshd is missing: install the Debian package openssh-server');
  // As root, sshd insists on its privilege separation directory, which only the init script makes.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const directory = await mkdtemp(join(tmpdir(), 'waybill-sshd-'));
  // sshd accepts a chroot only where nobody but root could write into any directory above it: not below /tmp.
  const base = options.chroot ? await mkdtemp('/run/waybill-sshd-') : directory;
  if (options.chroot) await chmod(base, 0o755);
  const root = join(base, 'root');
  await mkdir(root);
  const removeAll = async () => {
    for (const path of [directory, base]) await rm(path, { recursive: true, force: true });
  };
  // The first value that sshd_config gives counts.
  const config = [
    ...(options.chroot ? [`ChrootDirectory ${base}`, 'ForceCommand internal-sftp -d /root'] : []),
    ...(options.config ?? []),
    `ForceCommand internal-sftp -d ${root}`,
  ];
  try {
    const types = options.hostKeyTypes ?? ['ed25519'];
    const [clientKey, encrypted, stranger] = await Promise.all([
      makeKey(join(directory, 'client')),
      makeKey(join(directory, 'encrypted'), 'ed25519', PASSPHRASE),
      makeKey(join(directory, 'stranger')),
    ]);
    await writeFile(join(directory, 'authorized_keys'), `${clientKey.publicKey}\n${encrypted.publicKey}\n`);
    let hostKeys = await makeHostKeys(directory, types);
    let daemon = await startDaemon(directory, types, config);
    const killAtExit = () => daemon.kill();
    process.once('exit', killAtExit);
    return {
      host: '127.0.0.1',
      get port() {
        return daemon.port;
      },
      username: userInfo().username,
      root,
      get hostKey() {
        return hostKeys[0] as string;
      },
      get hostKeyFingerprint() {
        return fingerprintOf(hostKeys[0] as string);
      },
      get hostKeys() {
        return hostKeys;
      },
      clientKey,
      encryptedClientKey: { privateKey: encrypted.privateKey, passphrase: PASSPHRASE },
      strangerKey: { privateKey: stranger.privateKey },
      log: () => daemon.log(),
      restart: async ({ newHostKeys = false } = {}) => {
        await daemon.stop();
        if (newHostKeys) hostKeys = await makeHostKeys(directory, types);
        daemon = await startDaemon(directory, types, config, daemon.port);
      },
      cutSessions: () => killDescendants(daemon.pid),
      stop: async () => {
        process.off('exit', killAtExit);
        await daemon.stop();
        await removeAll();
      },
    };
  } catch (error) {
    await removeAll();
    throw error;
  }
}

async function makeHostKeys(directory: string, types: readonly HostKeyType[]): Promise<string[]> {
  return Promise.all(
    types.map(async (type) => {
      const file = join(directory, `host_${type}`);
      await Promise.all([rm(file, { force: true }), rm(`${file}.pub`, { force: true })]);
      return (await makeKey(file, type)).publicKey;
    }),
  );
}

interface Daemon {
  readonly pid: number;
  readonly port: number;
  log(): string;
  kill(): void;
  stop(): Promise<void>;
}

/** Without `port`, takes a free one; another process may grab it first, so that is tried a few times. */
async function startDaemon(
  directory: string,
  types: readonly HostKeyType[],
  config: readonly string[],
  port?: number,
): Promise<Daemon> {
  for (let tries = 1; ; tries++) {
    const chosen = port ?? (await freePort());
    const file = join(directory, 'sshd_config');
    await writeFile(
      file,
      [...configLines(directory, chosen, types, await version()), ...config, 'LogLevel VERBOSE', ''].join(
        '\n',
      ),
    );
    const daemon = launch(file, chosen);
    if (await daemon.started) return daemon;
    await daemon.stop();
    if (tries === 5 || !daemon.log().includes('Address already in use'))
      throw new Error(`sshd did not start on 127.0.0.1:${chosen}; its log:\n${daemon.log()}`);
    await sleep(100);
  }
}

function configLines(
  directory: string,
  port: number,
  types: readonly HostKeyType[],
  release: number,
): string[] {
  return [
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    'AddressFamily inet',
    ...types.map((type) => `HostKey ${directory}/host_${type}`),
    `AuthorizedKeysFile ${directory}/authorized_keys`,
    'PidFile none',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PubkeyAuthentication yes',
    'PermitRootLogin yes',
    'UsePAM no',
    'UseDNS no',
    // The directory of the tests may belong to somebody else, or lie where others may write.
    'StrictModes no',
    'MaxStartups 200',
    // Since 9.8, addresses that fail to authenticate are shut out for a while: 127.0.0.1 would be.
    ...(release >= 9.8 ? ['PerSourcePenalties no'] : []),
    'Subsystem sftp internal-sftp',
  ];
}

/** Such as 9.2. */
async function version(): Promise<number> {
  const { stderr } = await run('ssh', ['-V']);
  return Number(/OpenSSH_(\d+\.\d+)/.exec(stderr)?.[1] ?? 0);
}

function launch(configFile: string, port: number): Daemon & { readonly started: Promise<boolean> } {
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', configFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      log += String(error);
      resolve();
    });
  });
  const listening = new Promise<boolean>((resolve) => {
    child.stderr.on('data', (text: Buffer) => {
      log += text.toString();
      if (log.includes('Server listening on')) resolve(true);
    });
  });
  return {
    pid: child.pid ?? 0,
    port,
    started: Promise.race([
      listening,
      exited.then(() => false),
      sleep(START_DEADLINE_MS, false, { ref: false }),
    ]),
    log: () => log,
    kill: () => killTree(child),
    stop: async () => {
      killTree(child);
      await exited;
    },
  };
}
