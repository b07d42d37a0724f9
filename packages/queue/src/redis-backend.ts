import { Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { within } from './deadline.js';
import type { Log } from './log.js';
import type { QueueBackend, SignalWire } from './queue-backend.js';
import type { RunJob } from './run-queue.js';
import type { QueueSettings } from './settings.js';

const retryStrategy = (tries: number) => Math.min(tries * 200, 2_000);

/**
 * BullMQ on Redis. Producers share one connection that fails fast; each worker has two that wait for the server.
 * @throws if the server does not answer within `openTimeoutMs`
 */
export async function openRedisBackend(
  redisUrl: string,
  settings: QueueSettings,
  log: Log,
): Promise<QueueBackend> {
  const producer = new Redis(redisUrl, {
    enableOfflineQueue: false,
    commandTimeout: settings.commandTimeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy,
  });
  producer.on('error', (error) => log('warn', 'queue: no connection to Redis', error));
  await ready(producer, settings.openTimeoutMs);

  const waiting = { url: redisUrl, maxRetriesPerRequest: null, retryStrategy } satisfies RedisOptions & {
    url: string;
  };
  return {
    name: 'redis',
    wire: openRedisWire(redisUrl, producer, settings, log),
    openQueue: (name, options) =>
      new Queue<RunJob>(name, { ...options, prefix: settings.prefix, connection: producer }),
    openWorker: (name, processor, options) =>
      new Worker<RunJob, void>(name, processor, { ...options, prefix: settings.prefix, connection: waiting }),
    close: async () => producer.disconnect(),
  };
}

async function ready(redis: Redis, timeoutMs: number): Promise<void> {
  let lastError: unknown;
  redis.on('error', (error) => {
    lastError = error;
  });
  const isReady = new Promise<void>((resolve) => redis.once('ready', () => resolve()));
  await within(timeoutMs, 'cannot open the queue on Redis', isReady).catch((error) => {
    redis.disconnect();
    const why = lastError instanceof Error ? ` (${lastError.message})` : '';
    throw new Error(`${error.message}${why}`, { cause: lastError });
  });
}

/** Publish and subscribe on one channel; the subscribing connection is opened by the first listener. */
function openRedisWire(redisUrl: string, producer: Redis, settings: QueueSettings, log: Log): SignalWire {
  const channel = `${settings.prefix}:signals`;
  let subscriber: Redis | undefined;
  return {
    send: async (text) => {
      await producer.publish(channel, text);
    },
    listen: async (receive) => {
      subscriber = new Redis(redisUrl, { maxRetriesPerRequest: null, retryStrategy });
      subscriber.on('error', (error) => log('warn', 'signals: not listening to Redis, trying again', error));
      subscriber.on('message', (_channel, text) => receive(text));
      await within(settings.commandTimeoutMs, 'listening to Redis', subscriber.subscribe(channel));
    },
    close: async () => subscriber?.disconnect(),
  };
}
