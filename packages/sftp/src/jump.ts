import { Duplex } from 'node:stream';
import type { FailureCode } from '@waybill/domain';
import { StorageError, untilAborted } from '@waybill/storage';
import ssh2, { type Channel, type Client } from 'ssh2';
import { type Address, at, type Dialling } from './address.js';
import { connectionFailed } from './errors.js';
import { Handshake } from './handshake.js';
import type { Account } from './options.js';

/**
 * Signs in at a jump host, as strictly as at any other server, and has it connect to the target (`direct-tcpip`, RFC
 * 4254, section 7.2).
 * @param open connects to the jump host
 */
export async function openTunnel(
  target: Address,
  host: Account,
  open: () => Promise<Duplex>,
  { signal, onPhase }: Dialling,
): Promise<Duplex> {
  const where = `jump host ssh://${host.username}@${at(host)}`;
  const client = new ssh2.Client();
  const handshake = new Handshake(client, host, where);
  const stream = await open();
  try {
    onPhase(`signing in at ${where} on the way to`);
    await signIn(client, handshake, stream, signal).catch(async (error: unknown) => {
      signal.throwIfAborted();
      throw onTheWay(await handshake.whyFailed(error, open, signal));
    });
    onPhase(`asking ${where} for a connection to`);
    const channel = await untilAborted(openChannel(client, target), signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw refused(error, where, target);
    });
    return new Tunnel(channel, client, stream, where);
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function signIn(
  client: Client,
  handshake: Handshake,
  stream: Duplex,
  signal: AbortSignal,
): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.on('error', reject);
    client.once('close', () => reject(new Error('connection lost: it was closed')));
  });
  client.connect({ ...handshake.config, sock: stream });
  await untilAborted(ready, AbortSignal.any([signal, handshake.refused]));
}

/** What ends a connection to a jump host is no fault of the server behind it. */
function onTheWay(failure: StorageError): StorageError {
  if (failure.code !== 'connection-refused' && failure.code !== 'connection-lost') return failure;
  return new StorageError('route-unreachable', failure.message, { cause: failure });
}

function openChannel(client: Client, { host, port }: Address): Promise<Channel> {
  return new Promise((resolve, reject) => {
    client.once('close', () => reject(new Error('connection lost: it was closed')));
    // From where the connection comes: the jump host may write it into its log.
    client.forwardOut('127.0.0.1', 0, host, port, (error, channel) =>
      error ? reject(error) : resolve(channel),
    );
  });
}

/** Reasons of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254, section 5.1). */
const REASONS: Readonly<Record<number, readonly [FailureCode, string]>> = {
  1: [
    'route-refused',
    'it is forbidden there. Have its administrator allow forwarding to this host and port',
  ],
  2: ['connection-refused', 'nothing accepts connections there, or the name does not resolve'],
  3: ['route-refused', 'it does not forward connections. Use another jump host'],
  4: ['route-unreachable', 'it is short of resources'],
};

function refused(error: unknown, where: string, target: Address): StorageError {
  const { reason, message } = error as Error & { reason?: unknown };
  const [code, why] = REASONS[Number(reason)] ?? ['route-unreachable', 'the connection to it ended'];
  return new StorageError(code, `${where} did not connect to ${at(target)}: ${why} (${message})`, {
    cause: error,
  });
}

/**
 * A channel of a jump host that owns the connection below it: destroyed, it takes that down at once, where a channel by
 * itself would wait for the other side to close it; and it says so when the jump host is lost.
 */
class Tunnel extends Duplex {
  readonly #channel: Channel;
  readonly #client: Client;
  readonly #stream: Duplex;

  constructor(channel: Channel, client: Client, stream: Duplex, where: string) {
    super();
    this.#channel = channel;
    this.#client = client;
    this.#stream = stream;
    channel.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    channel.once('end', () => this.push(null));
    channel.once('close', () => this.destroy());
    const lost = (error: unknown) => this.destroy(connectionFailed(error, 'lost the connection to', where));
    client.on('error', lost);
    client.once('close', () => lost(new Error('connection lost: it was closed')));
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#channel.write(chunk, done);
  }

  /** What was corked travels in as few packets as it fits into. */
  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#channel.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.#channel.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#client.end();
    this.#stream.destroy();
    done(error);
  }
}
