import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { StorageError } from '@waybill/storage';
import { type Address, at, type Dialling } from './address.js';
import { askHttpProxy } from './http-connect.js';
import { openTunnel } from './jump.js';
import type { Route } from './options.js';
import { askSocks5 } from './socks5.js';

/**
 * A stream of bytes to the target by way of proxies and jump hosts. The target's name is looked up by the last of them,
 * never here. Destroying the stream takes down all that it goes through.
 * @throws StorageError that names the hop that failed; nothing is left open then, nor once the signal is aborted
 */
export async function dial(target: Address, route: Route, dialling: Dialling): Promise<Duplex> {
  switch (route.kind) {
    case 'socks5':
      return await askSocks5(
        target,
        route,
        await reach(route, `SOCKS5 proxy ${at(route)}`, dialling),
        dialling,
      );
    case 'http-connect':
      return await askHttpProxy(
        target,
        route,
        await reach(route, `HTTP proxy ${at(route)}`, dialling),
        dialling,
      );
    case 'jump': {
      const { host } = route;
      const open = () =>
        host.route ? dial(host, host.route, dialling) : reach(host, `jump host ${at(host)}`, dialling);
      return await openTunnel(target, host, open, dialling);
    }
  }
}

/** As `dial`, or directly where there is no route. */
export async function openStream(
  target: Address,
  route: Route | undefined,
  dialling: Dialling,
): Promise<Duplex> {
  return route ? await dial(target, route, dialling) : await connectTo(target, dialling);
}

/** The first hop. */
async function reach(address: Address, hop: string, dialling: Dialling): Promise<Socket> {
  dialling.onPhase(`connecting to ${hop} on the way to`);
  try {
    return await connectTo(address, dialling);
  } catch (error) {
    dialling.signal.throwIfAborted();
    throw new StorageError(
      'route-unreachable',
      `cannot reach the ${hop}: ${(error as Error).message || (error as NodeJS.ErrnoException).code}. Check the ` +
        "endpoint's route, and whether it is up",
      { cause: error },
    );
  }
}

async function connectTo({ host, port }: Address, { signal }: Dialling): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connect({ host, port, noDelay: true });
  try {
    await once(socket, 'connect', { signal });
    // Whoever is given the socket hears of its end; an error without a listener would end the process.
    return socket.on('error', () => {});
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  }
}
