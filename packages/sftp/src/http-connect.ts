import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type FailureCode, printableName } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { type Address, at, type Dialling } from './address.js';
import type { ProxyRoute } from './options.js';

/**
 * Has an HTTP proxy connect to the target (RFC 9110, section 9.3.6), with a user name and password if the route has them
 * (RFC 7617).
 * @param socket connected to the proxy
 */
export async function askHttpProxy(
  target: Address,
  route: ProxyRoute,
  socket: Socket,
  { signal, onPhase }: Dialling,
): Promise<Duplex> {
  const proxy = `HTTP proxy ${at(route)}`;
  onPhase(`asking the ${proxy} for a connection to`);
  try {
    const { statusCode = 0, statusMessage } = await connectRequest(target, route, socket, signal);
    if (statusCode >= 200 && statusCode < 300) return socket;
    throw refused(statusCode, statusMessage, proxy, target);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error instanceof StorageError ? error : broken(error as Error, proxy, target);
  }
}

async function connectRequest(
  target: Address,
  { username, password = '' }: ProxyRoute,
  socket: Socket,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const credentials = Buffer.from(`${username}:${password}`).toString('base64');
  const asked = request({
    method: 'CONNECT',
    path: at(target),
    headers: {
      host: at(target),
      ...(username !== undefined && { 'proxy-authorization': `Basic ${credentials}` }),
    },
    // Instead of an agent, which would make connections of its own.
    createConnection: () => socket,
  });
  // An abort takes the socket away from under the request, which is no news then.
  asked.on('error', () => {});
  asked.end();
  const [answer, , first] = (await once(asked, 'connect', { signal })) as [IncomingMessage, Socket, Buffer];
  // What the server said right behind the proxy's answer.
  if (first.length > 0) socket.unshift(first);
  return answer;
}

function refused(status: number, reason: string | undefined, proxy: string, target: Address): StorageError {
  const [code, help] = meaningOf(status);
  const said = `${status} ${printableName(reason ?? '')}`.trim();
  return new StorageError(
    code,
    `the ${proxy} did not connect to ${at(target)}: it answered ${said}. ${help}`,
  );
}

function meaningOf(status: number): readonly [FailureCode, string] {
  // 401 is what tinyproxy answers to a wrong password.
  if (status === 407 || status === 401)
    return ['route-refused', "Set the user name of the endpoint's route and the proxy's password"];
  if (status === 504) return ['timed-out', 'The server did not answer the proxy in time'];
  if (status >= 500) return ['connection-refused', 'Check host and port of the server, and whether it is up'];
  return ['route-refused', "Have the proxy's administrator allow this host and port"];
}

function broken(error: Error, proxy: string, target: Address): StorageError {
  const isHttp = !/^HPE_/.test((error as NodeJS.ErrnoException).code ?? '');
  return isHttp
    ? new StorageError(
        'route-unreachable',
        `the ${proxy} hung up before it was connected to ${at(target)}: ${error.message}`,
        { cause: error },
      )
    : new StorageError('route-refused', `the ${proxy} does not answer as one does: ${error.message}`, {
        cause: error,
      });
}
