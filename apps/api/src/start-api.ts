import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApiDeps } from './deps.js';
import { buildApi } from './server.js';

export interface RunningApi {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Stops listening, ends live streams, gives requests five seconds to end. May be called twice. */
  close(): Promise<void>;
}

const GRACE_MS = 5_000;

/** @param port 0 for a free one. @throws if the address cannot be listened on */
export async function startApi(
  deps: Omit<ApiDeps, 'stopping'>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<RunningApi> {
  const stopping = new AbortController();
  const server = createServer(buildApi({ ...deps, stopping: stopping.signal }));
  server.listen(port, host);
  await once(server, 'listening');
  let closed: Promise<void> | undefined;
  return {
    url: urlOf(server),
    close: () => {
      stopping.abort();
      closed ??= closeServer(server);
      return closed;
    },
  };
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(cut);
}
