import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '@waybill/db';
import { createApiKey } from '@waybill/operations';
import { createTestDatabase } from '@waybill/testkit';
import { startRedis } from '@waybill/testkit/redis';
import { Api } from './api.js';
import { type Cleanup, openWhole } from './cleanup.js';
import { Part } from './processes.js';

export const backends = ['postgresql', 'redis'] as const;
export type Backend = (typeof backends)[number];

/** API, scheduler and workers as processes of their own, on a database of their own. */
export interface Fleet {
  readonly api: Api;
  readonly databaseUrl: string;
  readonly redis: Awaited<ReturnType<typeof startRedis>> | undefined;
  startWorker(environment?: Record<string, string>): Part;
  /** One more: there is one already. */
  startScheduler(): Part;
}

export async function startFleet(
  backend: Backend,
  environment: Record<string, string> = {},
  { workers = 1 } = {},
): Promise<Fleet & AsyncDisposable> {
  return openWhole((cleanup) => openFleet(cleanup, backend, environment, workers));
}

async function openFleet(
  cleanup: Cleanup,
  backend: Backend,
  environment: Record<string, string>,
  workers: number,
): Promise<Fleet> {
  const database = await createTestDatabase();
  cleanup.defer(() => database.drop());
  const redis = backend === 'redis' ? await startRedis() : undefined;
  if (redis) cleanup.defer(() => redis.stop());

  const port = await freePort();
  const shared = {
    DATABASE_URL: database.url,
    REDIS_URL: redis?.url,
    WAYBILL_MASTER_KEY: randomBytes(32).toString('base64'),
    WAYBILL_LEASE_MS: '3000',
    ...environment,
  };
  const start = (program: string, more: Record<string, string> = {}) => {
    const part = new Part(program, [], { ...shared, ...more });
    cleanup.defer(async () => {
      await part.end('SIGTERM');
    });
    return part;
  };
  const startWorker = (more: Record<string, string> = {}) => start('apps/worker/dist/main.js', more);

  const api = start('apps/api/dist/main.js', { WAYBILL_HOST: '127.0.0.1', WAYBILL_PORT: String(port) });
  const startScheduler = () => start('apps/scheduler/dist/main.js');
  startScheduler();
  for (let i = 0; i < workers; i++) startWorker();
  const url = `http://127.0.0.1:${port}`;
  await ready(url, api);
  const key = await adminKey(database.url);

  return {
    api: new Api(url, key),
    databaseUrl: database.url,
    redis,
    startWorker,
    startScheduler,
  };
}

export async function adminKey(databaseUrl: string): Promise<string> {
  const database = openDatabase({ url: databaseUrl, maxConnections: 1 });
  try {
    const actor = { kind: 'system', name: 'test' } as const;
    const { key } = await createApiKey({ database, actor }, { name: 'test', scopes: ['admin'] });
    return key;
  } finally {
    await database.close();
  }
}

export async function ready(url: string, part: Part, timeoutMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(50)) {
    const response = await fetch(`${url}/readyz`).catch(() => undefined);
    if (response?.ok) return;
    if (!part.running || Date.now() > deadline) throw new Error(`the API is not ready:\n${part.output}`);
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
