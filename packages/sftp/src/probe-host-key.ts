import { connect } from 'node:net';
import { type HostKey, HostKeyRefused, hostKeyFromBlob } from '@waybill/domain/host-key';
import { StorageError, untilAborted } from '@waybill/storage';
import ssh2 from 'ssh2';
import { algorithms } from './connect.js';
import { connectionFailed } from './errors.js';
import { SIGNATURES } from './host-key-verifier.js';

export interface ProbedAddress {
  readonly host: string;
  readonly port: number;
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
  for (const signatures of Object.values(SIGNATURES)) {
    try {
      keys.push(await offeredKey(address, signatures, signal));
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

async function offeredKey(
  { host, port, timeoutMs = TIMEOUT_MS }: ProbedAddress,
  signatures: readonly string[],
  signal: AbortSignal,
): Promise<HostKey> {
  signal.throwIfAborted();
  const where = `sftp://${host}:${port}`;
  const deadline = AbortSignal.timeout(timeoutMs);
  const socket = connect({ host, port, noDelay: true });
  const client = new ssh2.Client();
  const offered = new Promise<Buffer>((resolve, reject) => {
    client.on('error', reject);
    client.on('close', () => reject(new Error('connection lost: the server closed it during the handshake')));
    client.connect({
      sock: socket,
      // ssh2 insists on one. It is not sent.
      username: 'nobody',
      readyTimeout: 0,
      algorithms: algorithms(signatures) as never,
      // Never accepted: that ends the connection before anything is authenticated.
      hostVerifier: (key: Buffer) => {
        resolve(Buffer.from(key));
        return false;
      },
    });
  });
  try {
    return keyFrom(await untilAborted(offered, AbortSignal.any([signal, deadline])), where);
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted)
      throw new StorageError(
        'timed-out',
        `asking ${where} for its host key took longer than ${timeoutMs} ms`,
      );
    throw connectionFailed(error, 'failed asking for the host key of', where);
  } finally {
    socket.destroy();
  }
}

function keyFrom(blob: Buffer, where: string): HostKey {
  try {
    return hostKeyFromBlob(blob);
  } catch (cause) {
    if (!(cause instanceof HostKeyRefused)) throw cause;
    throw new StorageError('protocol-error', `${where} offered a host key that cannot be read`, { cause });
  }
}
