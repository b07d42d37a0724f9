import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@waybill/db/embedded';
import { migrate } from '@waybill/db/migrate';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { templateDatabase } from './database.js';

interface SharedServer {
  readonly url: string;
  stop(): Promise<void>;
}

// Vitest loads this file once for every project that names it, all in one process: they share one server through here.
const shared = globalThis as { waybillTestServer?: { server: Promise<SharedServer>; users: number } };

/** Vitest's global setup: one PostgreSQL for the whole run, with a migrated template for `createTestDatabase`. */
export async function setup(project: TestProject): Promise<void> {
  shared.waybillTestServer ??= { server: startSharedServer(), users: 0 };
  shared.waybillTestServer.users++;
  project.provide('databaseServer', (await shared.waybillTestServer.server).url);
}

export async function teardown(): Promise<void> {
  const held = shared.waybillTestServer;
  if (!held || --held.users > 0) return;
  delete shared.waybillTestServer;
  await (await held.server).stop();
}

async function startSharedServer(): Promise<SharedServer> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-test-postgres-'));
  // PostgreSQL runs as another user where we are root.
  await chmod(dataDir, 0o711);
  const remove = () => rm(dataDir, { recursive: true, force: true });
  try {
    const settings = { max_connections: '400' };
    const postgres = await startEmbeddedPostgres({ dataDir, durable: false, settings, log: () => {} });
    const forget = endWithProcess(postgres, dataDir);
    await makeTemplate(postgres.url);
    return {
      url: postgres.url,
      async stop() {
        forget();
        await postgres.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A test run that is interrupted twice, or told to end, leaves without calling `teardown`. Returns the way to undo. */
function endWithProcess(postgres: EmbeddedPostgres, dataDir: string): () => void {
  const onExit = () => {
    process.kill(postgres.pid, 'SIGKILL');
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
  };
  const onSignal = () => process.exit(143);
  process.once('exit', onExit).once('SIGTERM', onSignal).once('SIGHUP', onSignal);
  return () => process.off('exit', onExit).off('SIGTERM', onSignal).off('SIGHUP', onSignal);
}

async function makeTemplate(url: string): Promise<void> {
  await migrate(url);
  const client = new pg.Client({ connectionString: new URL('/postgres', url).href });
  await client.connect();
  try {
    await client.query(`alter database waybill rename to "${templateDatabase}"`);
    // A template can be copied only while nobody is connected to it.
    await client.query(`alter database "${templateDatabase}" is_template true allow_connections false`);
  } finally {
    await client.end();
  }
}
