import { openConsumer } from './consumer.js';
import { type Log, withoutRepetitions } from './log.js';
import { openPostgresBackend } from './postgres-backend.js';
import { openProducer } from './producer.js';
import { openRedisBackend } from './redis-backend.js';
import type { QueueConnections, QueueSystem, RunConsumer } from './run-queue.js';
import { DEFAULT_QUEUE_SETTINGS, type QueueSettings } from './settings.js';
import { openSignals } from './signals.js';

export interface OpenQueueOptions {
  readonly log: Log;
  /** Instead of the defaults. */
  readonly settings?: Partial<QueueSettings>;
  /** This host's clock, which is compared with PostgreSQL's. Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * Opens the queue: on Redis where `redisUrl` is given, else in the database. Waits up to `openTimeoutMs` for the server.
 * @throws if the server stays away; on PostgreSQL also if the schema can't be migrated or the clocks disagree
 */
export async function openQueueSystem(
  { databaseUrl, redisUrl }: QueueConnections,
  options: OpenQueueOptions,
): Promise<QueueSystem> {
  const settings: QueueSettings = { ...DEFAULT_QUEUE_SETTINGS, ...options.settings };
  const log = withoutRepetitions(options.log);
  const backend = redisUrl
    ? await openRedisBackend(redisUrl, settings, log)
    : await openPostgresBackend(databaseUrl, settings, log, options.now ?? Date.now);
  const queue = openProducer(backend, settings, log);
  const signals = openSignals(backend.wire, log);
  const consumers: RunConsumer[] = [];
  let closed: Promise<void> | undefined;

  async function close(): Promise<void> {
    await Promise.all(consumers.map((consumer) => consumer.close(0)));
    for (const part of [queue, signals, backend])
      await part.close().catch((error) => log('warn', 'queue: closing', error));
  }

  return {
    backend: backend.name,
    queue,
    signals,
    async consume(consumerOptions, handler) {
      if (closed) throw new Error(`consume pool ${consumerOptions.pool}: the queue is closed`);
      const consumer = await openConsumer(backend, consumerOptions, handler, settings, log);
      consumers.push(consumer);
      return consumer;
    },
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}
