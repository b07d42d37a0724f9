import { createPostgresBackend, type PgPool, Queue, runMigrations, Worker } from 'bullmq';
import { Pool } from 'pg';
import { within } from './deadline.js';
import type { Log } from './log.js';
import { openPostgresWire } from './postgres-wire.js';
import type { QueueBackend } from './queue-backend.js';
import { resilientPool, retryPassing } from './resilient-pool.js';
import type { QueueSettings } from './settings.js';

const SCHEMA = 'bullmq';
/** A worker keeps one connection for LISTEN; with fewer than four left for all others BullMQ was seen to hang. */
const SPARE_CONNECTIONS = 4;

/**
 * BullMQ in the schema `bullmq` of the given database. Waits for the server to come up, migrates the schema (the role
 * needs CREATE on the database) and compares clocks.
 * @throws if the server stays away, the migration fails, or this host's clock is off
 */
export async function openPostgresBackend(
  databaseUrl: string,
  settings: QueueSettings,
  log: Log,
  now: () => number,
): Promise<QueueBackend> {
  const closing = new AbortController();
  const pool = new Pool({
    // Losing the last commits in a crash is harmless: the runs' record is not in this schema.
    connectionString: withSessionOptions(databaseUrl, `-c search_path=${SCHEMA} -c synchronous_commit=off`),
    max: settings.poolSize,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
  });
  pool.on('error', (error) => {
    // While the pool ends, a server that stops meanwhile is in order.
    if (!pool.ending) log('warn', 'queue: lost an idle connection to PostgreSQL', error);
  });

  try {
    await prepare(pool, settings, closing.signal, now);
  } catch (error) {
    await pool.end();
    throw error;
  }
  const consuming = resilientPool(pool, { retryForMs: Number.POSITIVE_INFINITY, signal: closing.signal });
  const producing = resilientPool(pool, {
    retryForMs: settings.commandTimeoutMs,
    queryTimeoutMs: settings.commandTimeoutMs,
    signal: closing.signal,
  });
  let workers = 0;
  return {
    name: 'postgresql',
    wire: openPostgresWire(databaseUrl, producing, settings, log),
    openQueue: (name, options) =>
      new Queue(name, { ...options, connection: producing }, createPostgresBackend),
    openWorker: (name, processor, options) => {
      if (workers + SPARE_CONNECTIONS >= settings.poolSize)
        throw new Error(
          `queue ${name}: ${workers} consumers are the most for ${settings.poolSize} connections; raise poolSize`,
        );
      workers++;
      // LISTEN wakes the worker at once; it need not look by itself more often than each minute.
      const all = { ...options, drainDelay: 60, connection: consuming };
      const worker = new Worker(name, processor, all, createPostgresBackend);
      worker.on('closed', () => workers--);
      return worker;
    },
    close: async () => {
      closing.abort();
      await within(settings.closeTimeoutMs, 'closing the connections to PostgreSQL', pool.end());
    },
  };
}

async function prepare(
  pool: Pool,
  settings: QueueSettings,
  signal: AbortSignal,
  now: () => number,
): Promise<void> {
  const prepareOnce = async () => {
    const client = await pool.connect();
    let failure: unknown;
    // A connection that dies in our hands reports it here as well as through the query.
    client.on('error', (error) => {
      failure = error;
    });
    try {
      await checkClock(client, settings.maxClockOffsetMs, now);
      await runMigrations(client, SCHEMA);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.removeAllListeners('error');
      client.release(failure !== undefined);
    }
  };
  const patience = { retryForMs: settings.openTimeoutMs, signal };
  await retryPassing(prepareOnce, patience).catch((error) => {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot open the queue on PostgreSQL: ${message}`, { cause: error });
  });
}

async function checkClock(
  client: Pick<PgPool, 'query'>,
  maxOffsetMs: number,
  now: () => number,
): Promise<void> {
  const before = now();
  const { rows } = await client.query(`select extract(epoch from clock_timestamp()) * 1000 as ms`);
  const after = now();
  const offset = Math.round((before + after) / 2 - Number(rows[0]?.ms));
  // The answer's travel time is no offset.
  if (Math.abs(offset) - (after - before) / 2 <= maxOffsetMs) return;
  throw new Error(
    `this host's clock is ${Math.abs(offset)} ms ${offset > 0 ? 'ahead of' : 'behind'} PostgreSQL's, allowed are ` +
      `${maxOffsetMs} ms: workers would take over each other's running jobs; synchronise the clocks (NTP)`,
  );
}

/** Adds server options to a connection URL, where they also hold if the URL has some already. */
function withSessionOptions(databaseUrl: string, options: string): string {
  const url = new URL(databaseUrl);
  const given = url.searchParams.get('options');
  url.searchParams.set('options', given ? `${given} ${options}` : options);
  return url.toString();
}
