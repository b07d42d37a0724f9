import { PrismaPg } from '@prisma/adapter-pg';
import type { ClientBase } from 'pg';
import { PrismaClient } from './generated/client.js';

/** A pool of connections to Waybill's database, opened as they are needed. */
export interface Database {
  readonly prisma: PrismaClient;
  /** Closes the connections that are idle and those in use as soon as they are returned. May be called twice. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** `postgresql://user:password@host:port/database`. */
  readonly url: string;
  /** Default: 10. */
  readonly maxConnections?: number;
  /** As `pg_stat_activity` shows it. Default: `waybill`. */
  readonly applicationName?: string;
  /**
   * Told when a connection breaks that nobody was waiting for. The pool replaces it by itself, so the right thing to
   * do is to log it. Whoever waits for a broken connection gets its error in any case.
   */
  readonly onConnectionLost?: (error: Error) => void;
}

/** How long a query waits for a connection before it fails with an error of which `isUnavailable` is true. */
const connectTimeoutMs = 10_000;

/** Connects at the first query: a database that is down is that query's error, not this function's. */
export function openDatabase(options: DatabaseOptions): Database {
  const onConnectionLost = options.onConnectionLost ?? (() => {});
  const adapter = new PrismaPg(
    {
      connectionString: options.url,
      max: options.maxConnections ?? 10,
      application_name: options.applicationName ?? 'waybill',
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      onConnect: useUtc,
    },
    { onPoolError: onConnectionLost, onConnectionError: onConnectionLost },
  );
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  return { prisma, close: () => prisma.$disconnect() };
}

/**
 * Prisma's adapter drops the offset of the times it reads, so that all of them would be wrong by the offset of the time
 * zone that the server, the database or the user happens to be set to. The pool waits for the promise.
 */
async function useUtc(client: ClientBase): Promise<void> {
  await client.query("set time zone 'UTC'");
}
