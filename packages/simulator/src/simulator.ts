import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { parseHostKey } from '@waybill/domain/host-key';
import ssh2, { type Connection, type SFTPWrapper } from 'ssh2';
import { type AuthAttempt, Authentication, type SimulatorUser } from './authentication.js';
import { Jail } from './jail.js';
import { generateKeyPair, publicLineOf } from './keys.js';
import { SftpSession } from './sftp-session.js';

export interface SimulatorOptions {
  /** An existing directory: `/` of every account. */
  readonly root: string;
  readonly users: readonly SimulatorUser[];
  /** Private key of the host, in OpenSSH or PEM form; a new Ed25519 key by default. */
  readonly hostKey?: string;
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly log?: (event: SimulatorEvent) => void;
}

export type SimulatorEvent =
  | { readonly kind: 'connected'; readonly address: string }
  | ({ readonly kind: 'login' } & AuthAttempt)
  | { readonly kind: 'disconnected'; readonly address: string }
  | { readonly kind: 'error'; readonly address: string; readonly message: string };

/** A partner's SFTP server that runs in this process. */
export interface Simulator {
  readonly host: string;
  readonly port: number;
  /** The host's public key, `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  readonly fingerprint: string;
  /** Open now. */
  readonly connections: number;
  /** Since the start, oldest first. */
  readonly authAttempts: readonly AuthAttempt[];
  /** Ends all connections and frees the port. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts a well-behaved SFTP version 3 server: password, public key and keyboard-interactive authentication,
 * `posix-rename@openssh.com` and `fsync@openssh.com`.
 *
 * @throws Error if a key cannot be read, the root is missing, or the port is taken
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const privateKey = options.hostKey ?? generateKeyPair('waybill simulator').privateKey;
  const { algorithm, publicKey, fingerprint } = parseHostKey(publicLineOf(privateKey));
  const jail = await Jail.open(options.root);
  const authAttempts: AuthAttempt[] = [];
  const authentication = new Authentication(options.users, (attempt) => {
    authAttempts.push(attempt);
    options.log?.({ kind: 'login', ...attempt });
  });
  const ssh = new ssh2.Server({ hostKeys: [privateKey] }, (connection, { ip }) =>
    welcome(connection, ip, authentication, jail, options.log),
  );
  const sockets = new Set<Socket>();
  // ssh2's own listener leaves Nagle's algorithm on, which costs 40 ms for each small answer.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    ssh.injectSocket(socket);
  });
  const address = await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');

  let stopped: Promise<void> | undefined;
  return {
    host: address.address,
    port: address.port,
    hostKey: `${algorithm} ${publicKey}`,
    fingerprint,
    get connections() {
      return sockets.size;
    },
    authAttempts,
    stop: () => {
      stopped ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
      return stopped;
    },
  };
}

type Log = SimulatorOptions['log'];

function welcome(
  connection: Connection,
  ip: string,
  authentication: Authentication,
  jail: Jail,
  log: Log,
): void {
  log?.({ kind: 'connected', address: ip });
  const report = (error: Error) => log?.({ kind: 'error', address: ip, message: error.message });
  connection.on('authentication', (context) => authentication.decide(context));
  connection.on('session', (accept) => {
    accept().on('sftp', (acceptSftp) => serveSftp(acceptSftp(), jail, report));
  });
  connection.on('error', report);
  connection.on('close', () => log?.({ kind: 'disconnected', address: ip }));
}

function serveSftp(sftp: SFTPWrapper, jail: Jail, report: (error: Error) => void): void {
  const session = new SftpSession(sftp, jail);
  sftp.on('error', report);
  // OpenSSH's client says that it sends no more, and then waits for the server to close the channel.
  sftp.once('end', () => sftp.end());
  sftp.once('close', () => void session.end().catch(report));
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}
