import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FailureCode } from '@waybill/domain';
import { StorageError, untilAborted } from '@waybill/storage';
import { SocksClient } from 'socks';
import { type Address, at, type Dialling } from './address.js';
import type { ProxyRoute } from './options.js';

/** The replies of RFC 1928, section 6, by the words that `socks` has for them. */
const REPLIES: Readonly<Record<string, readonly [FailureCode, string]>> = {
  Failure: ['route-unreachable', 'a general failure of the proxy (reply 1). Ask its administrator'],
  NotAllowed: ['route-refused', "its rules don't allow it (reply 2). Ask its administrator to"],
  NetworkUnreachable: ['connection-refused', 'it cannot reach that network (reply 3)'],
  HostUnreachable: ['connection-refused', 'it cannot reach that host, or look its name up (reply 4)'],
  ConnectionRefused: ['connection-refused', 'nothing accepts connections there (reply 5)'],
  TTLExpired: ['timed-out', 'the way there took too long (reply 6)'],
  CommandNotSupported: ['route-refused', 'it makes no connections (reply 7)'],
  AddressNotSupported: ['route-refused', 'it does not take this kind of address (reply 8)'],
};

/** Beyond any deadline of ours: `socks` would give up after 30 s otherwise. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Has a SOCKS5 proxy connect to the target (RFC 1928), with a user name and password if the route has them (RFC 1929).
 * @param socket connected to the proxy
 */
export async function askSocks5(
  target: Address,
  route: ProxyRoute,
  socket: Socket,
  { signal, onPhase }: Dialling,
): Promise<Duplex> {
  const proxy = `SOCKS5 proxy ${at(route)}`;
  onPhase(`asking the ${proxy} for a connection to`);
  const { host, port, username, password } = route;
  try {
    const asked = SocksClient.createConnection({
      command: 'connect',
      destination: target,
      proxy: {
        type: 5,
        host,
        port,
        ...(username !== undefined && { userId: username, password: password ?? '' }),
      },
      existing_socket: socket,
      timeout: NO_TIMEOUT_MS,
    });
    await untilAborted(asked, signal);
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw refused(error as Error, proxy, target, username);
  }
}

/** `socks` tells why by its text alone. */
function refused(error: Error, proxy: string, target: Address, username: string | undefined): StorageError {
  const { message } = error;
  const reply = REPLIES[/ - (\w+)$/.exec(message)?.[1] ?? ''];
  if (reply)
    return new StorageError(reply[0], `the ${proxy} did not connect to ${at(target)}: ${reply[1]}`, {
      cause: error,
    });
  if (/Authentication failed/i.test(message))
    return new StorageError(
      'route-refused',
      `the ${proxy} refused the user ${username}. Set the proxy's password again, or ask its administrator`,
      { cause: error },
    );
  if (/no accepted authentication type/i.test(message))
    return new StorageError(
      'route-refused',
      `the ${proxy} does not take ${username === undefined ? 'connections without a user name' : 'a user name and password'}. ` +
        "Correct the endpoint's route",
      { cause: error },
    );
  if (/Socket closed|\bE[A-Z]{4,}\b/.test(message))
    return new StorageError(
      'route-unreachable',
      `the ${proxy} hung up before it was connected to ${at(target)}`,
      {
        cause: error,
      },
    );
  return new StorageError('route-refused', `the ${proxy} does not answer as one does: ${message}`, {
    cause: error,
  });
}
