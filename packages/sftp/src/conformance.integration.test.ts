import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { RemoteHashSource } from '@waybill/domain';
import { generateKeyPair, startSimulator } from '@waybill/simulator';
import { describeEndpoint } from '@waybill/storage/conformance';
import type { AccountServer } from '@waybill/testkit/account-server';
import { startDropbear } from '@waybill/testkit/dropbear';
import { startProftpd } from '@waybill/testkit/proftpd';
import { startRclone } from '@waybill/testkit/rclone';
import { openSftpEndpoint } from './sftp-endpoint.js';
import { optionsFor, startOpenSshAccount } from './testing/account.js';

/** Only root may jail sessions. */
const root = process.getuid?.() === 0;

describeServer('an SFTP account of OpenSSH', () => startOpenSshAccount({}));
describeServer(
  root
    ? 'an SFTP account of OpenSSH in a chroot'
    : 'an SFTP account of OpenSSH (not in a chroot, which needs root)',
  () => startOpenSshAccount({ chroot: root }),
);
describeServer(
  'an SFTP account of OpenSSH whose shell tells hashes',
  // Sessions that are not forced elsewhere start at home.
  async () => {
    const account = await startOpenSshAccount({ config: ['ForceCommand none'] });
    return { ...account, root: account.directory };
  },
  { tellsBy: 'shell' },
);
describeServer("ProFTPD's mod_sftp", startProftpd, { tellsBy: 'check-file' });
describeServer("dropbear with OpenSSH's sftp-server", startDropbear);
describeServer('rclone serve sftp', startRclone, { feignsAttributes: true });
describeServer('the simulated partner', startSimulatedPartner);

/** What is known of a server. */
interface Known {
  /** How it tells hashes. */
  readonly tellsBy?: 'check-file' | 'shell';
  readonly feignsAttributes?: boolean;
}

function describeServer(
  name: string,
  start: () => Promise<AccountServer>,
  { tellsBy, feignsAttributes = false }: Known = {},
): void {
  describeEndpoint(name, async () => {
    const server = await start();
    const endpoint = await open(server, tellsBy).catch(async (error: Error) => {
      const log = server.log();
      await server.stop();
      throw new Error(`${error.message}; the server's log:\n${log}`, { cause: error });
    });
    return {
      endpoint,
      seed: async (path, content) => {
        const file = join(server.directory, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      },
      tellsHashes: tellsBy !== undefined,
      feignsAttributes,
      close: async () => {
        await endpoint[Symbol.asyncDispose]();
        await server.stop();
      },
    };
  });
}

function open(server: AccountServer, remoteHash: RemoteHashSource = 'check-file') {
  return openSftpEndpoint({ ...optionsFor(server), remoteHash }, new AbortController().signal);
}

async function startSimulatedPartner(): Promise<AccountServer> {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-simulator-'));
  const { privateKey, publicKey } = generateKeyPair('partner');
  const log: string[] = [];
  const simulator = await startSimulator({
    root: directory,
    users: [{ username: 'partner', publicKeys: [publicKey] }],
    log: (event) => void log.push(JSON.stringify(event)),
  });
  return {
    host: '127.0.0.1',
    port: simulator.port,
    username: 'partner',
    directory,
    root: '/',
    hostKey: simulator.hostKey,
    privateKey,
    log: () => log.join('\n'),
    stop: async () => {
      await simulator.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
