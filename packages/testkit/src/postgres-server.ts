import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@waybill/db/embedded';
import { Client } from 'pg';

export interface PostgresServer {
  /** Of the database `waybill`. */
  readonly url: string;
  /** Id of the main process; another one after `restart`. */
  readonly pid: number;
  /** Makes an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>;
  /** Ends the server in an orderly way; connections are cut. */
  shutDown(): Promise<void>;
  /** Starts again on the same port and data, after an orderly end if it still runs. */
  restart(): Promise<void>;
  /** SIGSTOP to all its processes: connections stay open and nothing answers. */
  pause(): Promise<void>;
  /** SIGCONT: undoes `pause`. */
  resume(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

/** Starts a PostgreSQL of its own, for tests that cut, stop or restart the server; others share one, which is faster. */
export async function startPostgresServer(): Promise<PostgresServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'postgres-'));
  // PostgreSQL runs as another user where we are root, and must be able to pass through.
  await chmod(dataDir, 0o711);
  const log: string[] = [];
  const options = { dataDir, port: await freePort(), durable: false, log: (line: string) => log.push(line) };
  let server: EmbeddedPostgres = await startEmbeddedPostgres(options);

  return {
    get url() {
      return server.url;
    },
    get pid() {
      return server.pid;
    },
    async createDatabase(name) {
      const client = new Client({ connectionString: server.url });
      await client.connect();
      try {
        await client.query(`create database "${name}"`);
      } finally {
        await client.end();
      }
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      return url.toString();
    },
    shutDown: () => server.stop(),
    async restart() {
      await server.stop();
      server = await startEmbeddedPostgres(options);
    },
    pause: () => signalAll(server.pid, 'SIGSTOP'),
    resume: () => signalAll(server.pid, 'SIGCONT'),
    async stop() {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function signalAll(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  // The main process first, so that no child is born meanwhile.
  process.kill(pid, signal);
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  for (const child of children.split(' ').filter(Boolean)) process.kill(Number(child), signal);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
