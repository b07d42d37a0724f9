import { mkdir, realpath } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Binaries, findBinaries } from './binaries.js';
import { type Cluster, clusterUser, findHome, openCluster } from './cluster.js';
import { type DirectoryLock, lockDirectory } from './directory-lock.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { clearLeftover } from './leftover.js';
import { lastLines, type ServerProcess, sizeOf, spawnServer } from './server-process.js';
import { findServerUser, type ServerUser } from './server-user.js';

export interface EmbeddedPostgresOptions {
  /** Made if it is not there. As root, keep it passable (0711) if the database shall live inside it. */
  readonly dataDir: string;
  /** Default: a free one, chosen anew at each start. */
  readonly port?: number;
  /** More settings, by their names in postgresql.conf. They win over our own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** `false`, for throw-away databases, is faster and survives a kill, but no crash of the machine. Default: true. */
  readonly durable?: boolean;
  readonly log: (message: string) => void;
  /** Gives up the start, within moments, and stops what was started. Later it does nothing. */
  readonly signal?: AbortSignal;
}

export interface EmbeddedPostgres {
  /** With user and password; the database is `waybill`. */
  readonly url: string;
  /** Of PostgreSQL's main process. */
  readonly pid: number;
  /** Settles with the manner of its end when the server has ended, asked to or not; never rejects. */
  readonly exited: Promise<string>;
  /** Stops the server, within 25 s at worst, and gives the data directory free. May be called twice. */
  stop(): Promise<void>;
}

const databaseName = 'waybill';
/** Recovery after a crash replays the log first, and says so meanwhile. */
const startTimeoutMs = 120_000;

/**
 * Starts a PostgreSQL server of our own on 127.0.0.1, from the programs that npm brought along, on the data in
 * `dataDir`; makes the database at the first start. Clears away what a killed Waybill left behind. The server ends
 * with this process if that is killed (on Linux), but whoever ends in an orderly way calls `stop` first.
 * @throws EmbeddedPostgresError with the reason, and the last lines of the server's log where it didn't start
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  await mkdir(options.dataDir, { recursive: true });
  const dataDir = await realpath(options.dataDir);
  const locks: DirectoryLock[] = [await lockDirectory(dataDir)];
  const release = async () => {
    for (const lock of locks) await lock.release();
  };
  try {
    const user = findServerUser();
    const binaries = await findBinaries(user, options.log);
    const home = await findHome(dataDir, user);
    // A copied data directory has a pointer to the same database: the second lock keeps the two apart.
    if (home !== dataDir) locks.push(await lockDirectory(home));
    const sync = options.durable ?? true;
    const cluster = await openCluster({ dataDir, home }, binaries, { user, sync, log: options.log });
    await clearLeftover(cluster.directory, options.log);
    const logFile = path.join(dataDir, 'postgres.log');
    const { server, url } = await startServer(cluster, binaries, { ...options, user, logFile });
    return {
      url,
      pid: server.pid,
      exited: server.exited,
      stop: () => server.stop().finally(release),
    };
  } catch (error) {
    await release();
    throw error;
  }
}

interface ServerOptions extends EmbeddedPostgresOptions {
  readonly user: ServerUser | undefined;
  readonly logFile: string;
}

/** Starts it again where only luck was missing: the port was taken meanwhile, or a predecessor's memory is not free yet. */
async function startServer(
  cluster: Cluster,
  binaries: Binaries,
  options: ServerOptions,
): Promise<{ server: ServerProcess; url: string }> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const logged = await sizeOf(options.logFile);
    const server = await spawnServer(binaries, argumentsFor(cluster, port, options), options);
    try {
      await prepareDatabase(server, urlOf(cluster, port, 'postgres'), options.signal);
      return { server, url: urlOf(cluster, port, databaseName) };
    } catch (cause) {
      await server.stop();
      options.signal?.throwIfAborted();
      const lines = await lastLines(options.logFile, logged);
      const mayPass = /pre-existing shared memory block|lock file ".*" already exists/.test(lines);
      // Where somebody else got the port, it may as well be his server that refused our password.
      const otherServer = /could not bind/.test(lines) || (cause as { code?: unknown }).code === '28P01';
      const mayMove = options.port === undefined && otherServer;
      if ((mayPass || mayMove) && attempt < 20) {
        await sleep(mayPass ? 250 : 0);
        continue;
      }
      throw new EmbeddedPostgresError(
        `PostgreSQL did not start on ${cluster.directory}, port ${port}: ${(cause as Error).message}. ` +
          `The end of ${options.logFile}:\n${lines}`,
        { cause },
      );
    }
  }
}

/** Modest: a server that has little to do for most of the day, beside the programs that it serves. */
function argumentsFor(cluster: Cluster, port: number, options: ServerOptions): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    shared_buffers: '64MB',
    max_connections: '100',
    // Reads through worker processes gain nothing at this size.
    io_method: 'sync',
    max_wal_size: '256MB',
    log_line_prefix: '%m [%p] ',
    log_checkpoints: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(options.durable === false ? { fsync: 'off', full_page_writes: 'off', autovacuum: 'off' } : {}),
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', cluster.directory, ...flags];
}

function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgresql://${clusterUser}:${cluster.password}@127.0.0.1:${port}/${database}`;
}

/** Waits until the server takes connections, and makes the database if it is not there. */
async function prepareDatabase(server: ServerProcess, url: string, signal?: AbortSignal): Promise<void> {
  const client = await connect(server, url, signal);
  try {
    const found = await client.query('select from pg_database where datname = $1', [databaseName]);
    if (found.rowCount === 0) await client.query(`create database ${databaseName}`);
  } finally {
    await client.end();
  }
}

async function connect(server: ServerProcess, url: string, signal?: AbortSignal): Promise<pg.Client> {
  for (const until = Date.now() + startTimeoutMs; ; await sleep(20)) {
    signal?.throwIfAborted();
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    // A client whose connection breaks while it is idle would otherwise end this process.
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      if (server.hasExited()) throw new Error(`it ended with ${await server.exited}`);
      const { code } = error as { code?: string };
      // 57P03: starting up, or in recovery.
      if (code !== 'ECONNREFUSED' && code !== '57P03') throw error;
      if (Date.now() > until) throw new Error(`it takes no connections after ${startTimeoutMs / 1000} s`);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
