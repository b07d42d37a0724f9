import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RedisOptions {
  /** Writes an append-only file, so that a restart keeps the data. Off if left out. */
  readonly appendOnly?: boolean;
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Id of the server's process; another one after `restart`. */
  readonly pid: number;
  flushAll(): Promise<void>;
  /** SIGKILL: as if the machine had lost power. */
  kill(): Promise<void>;
  /** Starts again on the same port, after a SIGKILL if it still runs. Empty, unless `appendOnly`. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** SIGCONT: undoes `pause`. */
  resume(): void;
  /** Ends the process and removes its directory. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 10_000;

/**
 * Starts a real redis-server on a free port of 127.0.0.1, in a directory of its own.
 * @throws if redis-server is missing, or with what it printed if it does not start
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'redis-'));
  const port = await freePort();
  let server = await launch(directory, port, options).catch(async (error) => {
    await rm(directory, { recursive: true, force: true });
    throw error;
  });

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid ?? 0;
    },
    flushAll: async () => {
      await command(port, 'FLUSHALL');
    },
    kill: () => end(server),
    restart: async () => {
      await end(server);
      server = await launch(directory, port, options);
    },
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    stop: async () => {
      await end(server);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function launch(directory: string, port: number, options: RedisOptions): Promise<ChildProcess> {
  const settings = {
    port,
    bind: '127.0.0.1',
    dir: directory,
    save: '',
    appendonly: options.appendOnly ? 'yes' : 'no',
    'maxmemory-policy': 'noeviction',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const printed: string[] = [];
  server.stdout.on('data', (text) => printed.push(String(text)));
  server.stderr.on('data', (text) => printed.push(String(text)));
  server.on('error', (error) => printed.push(`redis-server: ${error.message}; install the Debian package\n`));

  const deadline = Date.now() + START_DEADLINE_MS;
  while ((await command(port, 'PING').catch(() => '')) !== '+PONG') {
    if (hasEnded(server) || Date.now() > deadline) {
      await end(server);
      throw new Error(`redis-server did not start on port ${port}:\n${printed.slice(-10).join('')}`);
    }
    await sleep(20);
  }
  return server;
}

function hasEnded(server: ChildProcess): boolean {
  return server.pid === undefined || server.exitCode !== null || server.signalCode !== null;
}

async function end(server: ChildProcess): Promise<void> {
  if (hasEnded(server)) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}

/** Sends one inline command and returns the first line of the answer. */
async function command(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write(`${text}\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString('utf8').split('\r\n', 1)[0] ?? '';
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
