import { hostKeyFromBlob } from '@waybill/domain/host-key';
import { StorageError, untilAborted } from '@waybill/storage';
import type { Client } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { type Authentication, authenticationWith, signAtOnce } from './authentication.js';
import { connectionFailed } from './errors.js';
import { hostKeyAlgorithms, whyHostKeyRefused } from './host-key-verifier.js';
import { KEEPALIVE_TRIES, type SftpOptions } from './options.js';
import { Session } from './session.js';
import { connectSocket } from './socket.js';
import { leanGcm } from './wire/lean-gcm.js';
import { SftpChannel } from './wire/sftp-channel.js';

type Phase = 'connecting to' | 'agreeing on keys with' | 'authenticating at' | 'starting SFTP on';

/** Progress of one attempt to connect; the first reason to stop is the one that is reported. */
interface Opening {
  phase: Phase;
  /** Why we hung up. ssh2 only sees a closed connection then. */
  refused?: StorageError | undefined;
  /** The first error of ssh2, before `ssh2-sftp-client` strips it of its cause and level. */
  cause?: unknown;
  /** What else the server would have accepted. */
  methodsLeft?: readonly string[];
}

/**
 * Connects, verifies the host key, authenticates with a single try, and starts SFTP.
 * @throws StorageError; the connection is closed then
 */
export async function openSession(options: SftpOptions, signal: AbortSignal): Promise<Session> {
  signal.throwIfAborted();
  const where = `sftp://${options.username}@${options.host}:${options.port}`;
  const opening: Opening = { phase: 'connecting to' };
  const hangUp = new AbortController();
  const refuse = (reason: StorageError) => {
    opening.refused ??= reason;
    hangUp.abort(reason);
  };
  const authentication = authenticationWith(options.secret, options.username, where, refuse);
  // The listeners that it has by default write to the console.
  const wrapper = new SftpClient('waybill', { error() {}, end() {}, close() {} });
  const client = (wrapper as unknown as { client: Client }).client;
  follow(client, opening, where, refuse);
  // ssh2 tells of them only after it has verified their signatures (OpenSSH's PROTOCOL, section 2.5).
  client.on('hostkeys', (keys) =>
    options.onAnnouncedHostKeys?.(keys.map((key) => hostKeyFromBlob(key.getPublicSSH()))),
  );
  startOwnSftp(client, opening);
  client.on('handshake', () => leanGcm(client));
  client.once('handshake', () => signAtOnce(client));
  const { socket, reuseBuffer } = connectSocket(options);
  // Keys are agreed on with bytes that ssh2 keeps; later it keeps only what it has decrypted.
  client.once('ready', reuseBuffer);
  const connected: Promise<unknown> = wrapper.connect({
    sock: socket,
    username: options.username,
    // Covers the handshake alone: the deadline below covers all phases.
    readyTimeout: 0,
    keepaliveInterval: options.keepaliveMs,
    keepaliveCountMax: KEEPALIVE_TRIES,
    algorithms: algorithms(hostKeyAlgorithms(options.hostKeys)) as never,
    hostVerifier: (key: Buffer) => {
      opening.refused ??= whyHostKeyRefused(key, options.hostKeys, where);
      return opening.refused === undefined;
    },
    authHandler: singleTry(authentication, opening) as never,
  });
  const deadline = setTimeout(() => refuse(tooSlow(opening.phase, where, options)), options.connectTimeoutMs);
  try {
    const sftp = await untilAborted(connected, AbortSignal.any([signal, hangUp.signal]));
    const log = options.log ?? (() => {});
    return new Session(client, socket, sftp as SftpChannel, {
      where,
      timeoutMs: options.operationTimeoutMs,
      log,
    });
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw opening.refused ?? explain(opening, error, authentication, options, where);
  } finally {
    clearTimeout(deadline);
  }
}

function follow(
  client: Client,
  opening: Opening,
  where: string,
  refuse: (reason: StorageError) => void,
): void {
  client.on('error', (error) => {
    opening.cause ??= error;
  });
  client.once('connect', () => {
    opening.phase = 'agreeing on keys with';
  });
  client.once('handshake', () => {
    opening.phase = 'authenticating at';
  });
  client.once('ready', () => {
    opening.phase = 'starting SFTP on';
  });
  client.once('change password', (prompt) =>
    refuse(
      new StorageError(
        'authentication-failed',
        `${where} asks for a new password ("${prompt}"): the password has expired. Change it there, then replace the credential`,
      ),
    ),
  );
}

/** `ssh2-sftp-client` starts SFTP with the client that it holds: it gets our SFTP then, instead of ssh2's. */
function startOwnSftp(client: Client, opening: Opening): void {
  const starting = client as unknown as { sftp(started: (error?: Error, sftp?: SftpChannel) => void): void };
  starting.sftp = (started) => {
    SftpChannel.open(client).then(
      (sftp) => started(undefined, sftp),
      (error: Error) => {
        opening.cause ??= error;
        started(error);
      },
    );
  };
}

/** AES-GCM first: Node encrypts it natively, and fast. Nothing with SHA-1, CBC or arcfour. */
export function algorithms(serverHostKey: readonly string[]): Record<string, readonly string[]> {
  return {
    kex: [
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group16-sha512',
      'diffie-hellman-group18-sha512',
      'diffie-hellman-group14-sha256',
      'diffie-hellman-group-exchange-sha256',
    ],
    cipher: [
      'aes128-gcm@openssh.com',
      'aes256-gcm@openssh.com',
      'aes128-ctr',
      'aes192-ctr',
      'aes256-ctr',
      'chacha20-poly1305@openssh.com',
    ],
    hmac: [
      'hmac-sha2-256-etm@openssh.com',
      'hmac-sha2-512-etm@openssh.com',
      'hmac-sha2-256',
      'hmac-sha2-512',
    ],
    compress: ['none'],
    serverHostKey,
  };
}

/** ssh2 by itself would first try `none`, and then every method that it has the means for. */
function singleTry({ method }: Authentication, opening: Opening) {
  let tried = false;
  return (methodsLeft: readonly string[] | null): Authentication['method'] | false => {
    if (tried) {
      opening.methodsLeft = methodsLeft ?? [];
      return false;
    }
    tried = true;
    return method;
  };
}

function tooSlow(phase: Phase, where: string, { connectTimeoutMs }: SftpOptions): StorageError {
  return new StorageError('timed-out', `${phase} ${where} took longer than ${connectTimeoutMs} ms`);
}

function explain(
  opening: Opening,
  error: unknown,
  authentication: Authentication,
  options: SftpOptions,
  where: string,
): StorageError {
  const failure = connectionFailed(opening.cause ?? error, `failed ${opening.phase}`, where);
  if (failure.code !== 'authentication-failed') return failure;
  const accepts = opening.methodsLeft?.join(', ') || 'nothing more';
  return new StorageError(
    'authentication-failed',
    `${options.host}:${options.port} refused the user ${options.username} with ${authentication.description} (tried once; ` +
      `the server would still accept: ${accepts}). Replace the credential, or have the partner enable the account`,
    { cause: failure },
  );
}
