import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { parseHostKey } from '@waybill/domain/host-key';
import ssh2, { type Connection, type SFTPWrapper } from 'ssh2';
import { type AuthAttempt, Authentication, type SimulatorUser } from './authentication.js';
import { Jail } from './jail.js';
import { generateKeyPair, publicLineOf } from './keys.js';
import type { Behaviour } from './personality.js';
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
  /** What it does otherwise than a well-behaved server; the first one sees a request first. */
  readonly behaviours?: readonly Behaviour[];
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
 * Starts an SFTP version 3 server, well-behaved but for what `behaviours` do: password, public key and
 * keyboard-interactive authentication, `posix-rename@openssh.com` and `fsync@openssh.com`.
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
  const { behaviours = [] } = options;
  const sockets = new Set<Socket>();
  const house: House = { authentication, jail, behaviours, log: options.log, loggedIn: 0 };
  const announced = sshServer(privateKey, house);
  const other = sshServer(generateKeyPair('waybill simulator').privateKey, house);
  let connections = 0;
  // ssh2's own listener leaves Nagle's algorithm on, which costs 40 ms for each small answer.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    connections += 1;
    const isOther = behaviours.some(({ offersOtherHostKey }) => offersOtherHostKey?.(connections));
    (isOther ? other : announced).injectSocket(socket);
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

/** What all connections share. */
interface House {
  readonly authentication: Authentication;
  readonly jail: Jail;
  readonly behaviours: readonly Behaviour[];
  readonly log: SimulatorOptions['log'];
  /** Connections that are logged in now. */
  loggedIn: number;
}

function sshServer(hostKey: string, house: House): ssh2.Server {
  const softwareVersion = house.behaviours.find((behaviour) => behaviour.softwareVersion)?.softwareVersion;
  const config = { hostKeys: [hostKey], ...(softwareVersion && { ident: softwareVersion }) };
  return new ssh2.Server(config, (connection, { ip }) => welcome(connection, ip, house));
}

function welcome(connection: Connection, ip: string, house: House): void {
  const { authentication, log } = house;
  log?.({ kind: 'connected', address: ip });
  const report = (error: Error) => log?.({ kind: 'error', address: ip, message: error.message });
  connection.on('authentication', (context) => authentication.decide(context));
  connection.once('ready', () => admit(connection, house));
  let channels = 0;
  connection.on('session', (accept, reject) => {
    channels += 1;
    if (channels > least(house.behaviours.map(({ maxChannels }) => maxChannels))) return reject?.();
    accept().on('sftp', (acceptSftp) => serveSftp(acceptSftp(), connection, house, report));
  });
  connection.on('error', report);
  connection.on('close', () => log?.({ kind: 'disconnected', address: ip }));
}

function admit(connection: Connection, house: House): void {
  house.loggedIn += 1;
  connection.once('close', () => {
    house.loggedIn -= 1;
  });
  if (house.loggedIn > least(house.behaviours.map(({ maxSessions }) => maxSessions))) connection.end();
}

function least(limits: readonly (number | undefined)[]): number {
  return Math.min(...limits.filter((limit) => limit !== undefined));
}

function serveSftp(
  sftp: SFTPWrapper,
  connection: Connection,
  { jail, behaviours }: House,
  report: (error: Error) => void,
): void {
  // ssh2 declares no way to end a connection without a goodbye.
  const cut = () => (connection as unknown as { _sock: Socket })._sock.destroy();
  const session = new SftpSession(sftp, jail, behaviours, { cut });
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
