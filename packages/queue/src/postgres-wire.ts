import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PgPool } from 'bullmq';
import { Client } from 'pg';
import { within } from './deadline.js';
import type { Log } from './log.js';
import type { SignalWire } from './queue-backend.js';
import type { QueueSettings } from './settings.js';

const CHANNEL = 'waybill_signals';
/** PostgreSQL refuses payloads of 8000 bytes and more ("payload string too long"). */
const MAX_BYTES = 7_999;
const RECONNECT_MS = 1_000;

/** LISTEN on a connection of its own, opened by the first listener and again whenever it is lost; NOTIFY through `pool`. */
export function openPostgresWire(
  databaseUrl: string,
  pool: Pick<PgPool, 'query'>,
  settings: QueueSettings,
  log: Log,
): SignalWire {
  const closing = new AbortController();
  let listening: Promise<void> | undefined;

  async function keepListening(receive: (text: string) => void, onListening: () => void): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await listenOnce(databaseUrl, receive, onListening, closing.signal);
      } catch (error) {
        if (closing.signal.aborted) return;
        log('warn', 'signals: not listening to PostgreSQL, trying again', error);
        // Only an abort ends the pause early, and the loop looks at it.
        await sleep(RECONNECT_MS, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  return {
    send: async (text) => {
      const bytes = Buffer.byteLength(text);
      if (bytes > MAX_BYTES) throw new Error(`a signal has ${bytes} bytes, PostgreSQL carries ${MAX_BYTES}`);
      await pool.query('select pg_notify($1, $2)', [CHANNEL, text]);
    },
    listen: (receive) => {
      const first = new Promise<void>((resolve) => {
        listening = keepListening(receive, resolve);
      });
      return within(settings.commandTimeoutMs, 'listening to PostgreSQL', first);
    },
    close: async () => {
      closing.abort();
      await listening;
    },
  };
}

/** Throws when the connection is lost, or when aborted. */
async function listenOnce(
  databaseUrl: string,
  receive: (text: string) => void,
  onListening: () => void,
  signal: AbortSignal,
): Promise<never> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  // `lost` hears the first one; one that nobody hears would end the process.
  client.on('error', () => undefined);
  client.on('notification', ({ payload }) => receive(payload ?? ''));
  const lost = once(client, 'end', { signal }).then(() => {
    throw new Error('the connection was closed');
  });
  const listen = async () => {
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
    onListening();
  };
  try {
    await Promise.race([lost, listen()]);
    return await lost;
  } finally {
    // A server that hangs never says goodbye: nobody waits for it, or cares how it went.
    client.end().catch(() => undefined);
  }
}
