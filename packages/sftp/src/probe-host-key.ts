import type { Duplex } from 'node:stream';
import type { LegacyAlgorithm } from '@waybill/domain';
import { type HostKey, HostKeyRefused, hostKeyFromBlob } from '@waybill/domain/host-key';
import { StorageError, untilAborted } from '@waybill/storage';
import ssh2 from 'ssh2';
import type { Address, Dialling } from './address.js';
import { type Algorithms, algorithms } from './algorithms.js';
import { openStream } from './dial.js';
import { connectionFailed } from './errors.js';
import { HOST_KEY_TYPES, signaturesOf } from './host-key-verifier.js';
import type { Route } from './options.js';
import { explainNoMatch, sharesNoAlgorithm } from './server-offer.js';

export interface ProbedAddress extends Address {
  /** How connections get there; directly if left out. */
  readonly route?: Route | undefined;
  readonly legacyAlgorithms?: readonly LegacyAlgorithm[] | undefined;
  /** For each connection; 20 seconds if left out. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 20_000;

/**
 * The keys that a server offers, one of each type that it has: to show their fingerprints for approval. What comes
 * over an untrusted line proves nothing by itself. Connects once for each type, one after the other, and hangs up
 * within the handshake: no user name is sent, nothing authenticates.
 * @throws StorageError if the server can't be reached or speaks no SSH that we do
 */
export async function probeHostKey(address: ProbedAddress, signal: AbortSignal): Promise<HostKey[]> {
  const keys: HostKey[] = [];
  let refusal: StorageError | undefined;
  for (const type of HOST_KEY_TYPES) {
    try {
      keys.push(await offeredKey(address, type, signal));
    } catch (error) {
      if (!(error instanceof StorageError && hasNoSuchKey(error))) throw error;
      refusal = error;
    }
  }
  if (keys.length === 0 && refusal) throw refusal;
  return keys;
}

/** ssh2 tells it by its text alone. */
function hasNoSuchKey({ cause }: StorageError): boolean {
  return cause instanceof Error && /no matching host key format/i.test(cause.message);
}

async function offeredKey(address: ProbedAddress, type: string, signal: AbortSignal): Promise<HostKey> {
  signal.throwIfAborted();
  const { host, port, route, legacyAlgorithms, timeoutMs = TIMEOUT_MS } = address;
  const where = `sftp://${host}:${port}`;
  const deadline = AbortSignal.timeout(timeoutMs);
  const either = AbortSignal.any([signal, deadline]);
  let phase = 'connecting to';
  const onPhase = (now: string) => {
    phase = now;
  };
  const dialling: Dialling = { signal: either, onPhase };
  const ours = algorithms(signaturesOf(type, legacyAlgorithms), legacyAlgorithms);
  let stream: Duplex | undefined;
  try {
    stream = await openStream(address, route, dialling);
    phase = 'asking for the host key of';
    return keyFrom(await untilAborted(askForKey(stream, ours), either), where);
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted)
      throw new StorageError('timed-out', `${phase} ${where} took longer than ${timeoutMs} ms`);
    const failure = connectionFailed(error, 'failed asking for the host key of', where);
    if (!sharesNoAlgorithm(failure) || hasNoSuchKey(failure)) throw failure;
    const again = () => openStream(address, route, dialling);
    throw await explainNoMatch(failure, where, ours, again, either);
  } finally {
    stream?.destroy();
  }
}

function askForKey(stream: Duplex, ours: Algorithms): Promise<Buffer> {
  const client = new ssh2.Client();
  return new Promise<Buffer>((resolve, reject) => {
    client.on('error', reject);
    client.on('close', () => reject(new Error('connection lost: the server closed it during the handshake')));
    client.connect({
      sock: stream,
      // ssh2 insists on one. It is not sent.
      username: 'nobody',
      readyTimeout: 0,
      algorithms: ours as never,
      // Never accepted: that ends the connection before anything is authenticated.
      hostVerifier: (key: Buffer) => {
        resolve(Buffer.from(key));
        return false;
      },
    });
  });
}

function keyFrom(blob: Buffer, where: string): HostKey {
  try {
    return hostKeyFromBlob(blob);
  } catch (cause) {
    if (!(cause instanceof HostKeyRefused)) throw cause;
    throw new StorageError('protocol-error', `${where} offered a host key that cannot be read`, { cause });
  }
}
