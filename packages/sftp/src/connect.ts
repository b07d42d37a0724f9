import type { Duplex } from 'node:stream';
import { untilAborted } from '@waybill/storage';
import type { Client } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import type { Dialling } from './address.js';
import { dial, openStream } from './dial.js';
import { Handshake } from './handshake.js';
import type { SftpOptions } from './options.js';
import { Session } from './session.js';
import { connectSocket } from './socket.js';
import { leanGcm } from './wire/lean-gcm.js';
import { SftpChannel } from './wire/sftp-channel.js';

/**
 * Connects, verifies the host key, authenticates with a single try, and starts SFTP.
 * @throws StorageError; the connection is closed then
 */
export async function openSession(options: SftpOptions, signal: AbortSignal): Promise<Session> {
  signal.throwIfAborted();
  const where = `sftp://${options.username}@${options.host}:${options.port}`;
  // The listeners that it has by default write to the console.
  const wrapper = new SftpClient('waybill', { error() {}, end() {}, close() {} });
  const client = (wrapper as unknown as { client: Client }).client;
  const handshake = new Handshake(client, options, where);
  startOwnSftp(client, handshake);
  client.on('handshake', () => leanGcm(client));
  const either = AbortSignal.any([signal, handshake.refused]);
  const dialling: Dialling = { signal: either, onPhase: (phase) => handshake.enter(phase) };
  const { connectTimeoutMs, operationTimeoutMs: timeoutMs, log = () => {} } = options;
  const deadline = setTimeout(() => handshake.refuseAfter(connectTimeoutMs), connectTimeoutMs);
  let stream: Duplex | undefined;
  try {
    stream = options.route ? await dial(options, options.route, dialling) : directly(options, client);
    const connected: Promise<unknown> = wrapper.connect({ ...handshake.config, sock: stream });
    const sftp = (await untilAborted(connected, either)) as SftpChannel;
    return new Session(client, stream, sftp, { where, timeoutMs, log });
  } catch (error) {
    stream?.destroy();
    signal.throwIfAborted();
    throw await handshake.whyFailed(error, () => openStream(options, options.route, dialling), either);
  } finally {
    clearTimeout(deadline);
  }
}

/** Without a route. The socket is connecting still. */
function directly(options: SftpOptions, client: Client): Duplex {
  const { socket, reuseBuffer } = connectSocket(options);
  // Keys are agreed on with bytes that ssh2 keeps; later it keeps only what it has decrypted.
  client.once('ready', reuseBuffer);
  return socket;
}

/** `ssh2-sftp-client` starts SFTP with the client that it holds: it gets our SFTP then, instead of ssh2's. */
function startOwnSftp(client: Client, handshake: Handshake): void {
  const starting = client as unknown as { sftp(started: (error?: Error, sftp?: SftpChannel) => void): void };
  starting.sftp = (started) => {
    handshake.enter('starting SFTP on');
    SftpChannel.open(client).then(
      (sftp) => started(undefined, sftp),
      (error: Error) => {
        handshake.fail(error);
        started(error);
      },
    );
  };
}
