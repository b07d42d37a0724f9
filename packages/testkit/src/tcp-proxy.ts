import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TcpProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Added to every byte in each direction, so a round trip takes twice as long. It does not limit throughput. */
  readonly delayMs?: number;
  /** A connection is reset once it has forwarded as many bytes, both directions together. */
  readonly cutAfterBytes?: number;
  /** A connection stays open, but forwards nothing more once it has forwarded as many bytes. */
  readonly stallAfterBytes?: number;
}

export interface TcpProxy {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Accepted since the start. */
  readonly connections: number;
  /** Bytes forwarded since the start, both directions and all connections together. */
  readonly bytes: number;
  /** Resets the connections that are open; new ones are accepted. */
  cut(): void;
  /** Nothing is forwarded any more on any connection, though all stay open. */
  stall(): void;
  /** Ends a stall, of `stallAfterBytes` too: what was held back goes on, in order. */
  resume(): void;
  setDelay(delayMs: number): void;
  close(): Promise<void>;
}

/** Per direction; far above what a delay of a second holds at test speeds. */
const MAX_QUEUED_BYTES = 64 << 20;

/** Listens on a free port of 127.0.0.1 and forwards each connection to `target`: latency, loss and silence for tests. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const links = new Set<Link>();
  const state: Weather = { delayMs: options.delayMs ?? 0, forwarded: 0 };
  let connections = 0;
  // Half-open, since each direction ends by itself, after its delay.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    connections++;
    const link = new Link(client, options, state);
    links.add(link);
    void link.run().finally(() => links.delete(link));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no free TCP port on 127.0.0.1');
  const cut = () => {
    for (const link of links) link.cut();
  };
  return {
    host: '127.0.0.1',
    port: address.port,
    get connections() {
      return connections;
    },
    get bytes() {
      return state.forwarded;
    },
    cut,
    stall: () => {
      state.stalled ??= new Gate();
    },
    resume: () => {
      state.stalled?.open();
      delete state.stalled;
      for (const link of links) link.resume();
    },
    setDelay: (delayMs) => {
      state.delayMs = delayMs;
    },
    close: async () => {
      state.stalled?.open();
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Weather {
  delayMs: number;
  forwarded: number;
  stalled?: Gate;
}

/** Closed at first; whoever waits goes on once it is open. */
class Gate {
  open = () => {};
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

interface Piece {
  readonly arrivedAt: number;
  /** `undefined`: the end. */
  readonly bytes: Buffer | undefined;
}

/** One accepted connection and the one to the target. */
class Link {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #options: TcpProxyOptions;
  readonly #weather: Weather;
  #forwarded = 0;
  #stall: Gate | undefined;
  #stalledOnce = false;

  constructor(client: Socket, options: TcpProxyOptions, weather: Weather) {
    this.#client = client;
    this.#target = connect({ ...options.target, noDelay: true, allowHalfOpen: true });
    this.#options = options;
    this.#weather = weather;
    client.setNoDelay(true);
  }

  async run(): Promise<void> {
    // A broken side breaks the other: both ends see a reset, as with a broken line.
    for (const socket of [this.#client, this.#target]) socket.on('error', () => this.cut());
    await Promise.all([this.#forward(this.#client, this.#target), this.#forward(this.#target, this.#client)]);
  }

  cut(): void {
    this.resume();
    this.#client.resetAndDestroy();
    this.#target.resetAndDestroy();
  }

  resume(): void {
    this.#stall?.open();
    this.#stall = undefined;
  }

  async #forward(from: Socket, to: Socket): Promise<void> {
    for await (const piece of arrivals(from)) {
      const waitMs = piece.arrivedAt + this.#weather.delayMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      await this.#weather.stalled?.opened;
      if (to.destroyed) return;
      if (piece.bytes === undefined) {
        to.end();
        return;
      }
      await this.#pass(piece.bytes, to);
    }
  }

  async #pass(bytes: Buffer, to: Socket): Promise<void> {
    const { cutAfterBytes = Number.POSITIVE_INFINITY, stallAfterBytes = Number.POSITIVE_INFINITY } =
      this.#options;
    if (!this.#stalledOnce && this.#forwarded + bytes.length > stallAfterBytes) {
      this.#stalledOnce = true;
      this.#stall = new Gate();
    }
    await this.#stall?.opened;
    const room = cutAfterBytes - this.#forwarded;
    const passed = bytes.length > room ? bytes.subarray(0, Math.max(0, room)) : bytes;
    this.#forwarded += passed.length;
    this.#weather.forwarded += passed.length;
    const flushed = to.write(passed);
    if (bytes.length > room) this.cut();
    else if (!flushed) await drained(to).catch(() => this.cut());
  }
}

async function drained(socket: Socket): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).finally(() =>
    settled.abort(),
  );
}

/** What comes out of a socket, with the time; reading goes on while the consumer waits, within bounds. */
async function* arrivals(socket: Socket): AsyncGenerator<Piece> {
  const queue: Piece[] = [];
  let queuedBytes = 0;
  let wake = () => {};
  const push = (bytes: Buffer | undefined) => {
    queue.push({ arrivedAt: performance.now(), bytes });
    queuedBytes += bytes?.length ?? 0;
    if (queuedBytes > MAX_QUEUED_BYTES) socket.pause();
    wake();
  };
  socket.on('data', push);
  socket.once('end', () => push(undefined));
  socket.once('close', () => push(undefined));
  for (;;) {
    const piece = queue.shift();
    if (piece === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    queuedBytes -= piece.bytes?.length ?? 0;
    if (socket.isPaused() && queuedBytes < MAX_QUEUED_BYTES / 2) socket.resume();
    yield piece;
  }
}
