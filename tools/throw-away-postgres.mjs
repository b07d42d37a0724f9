import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { register } from 'tsx/esm/api';

/**
 * Runs `work` with the URL of an empty database on a PostgreSQL of its own, which is gone afterwards; gives it
 * `migrate` of packages/db too. Reads the packages from src, so that nothing needs to be built.
 */
export async function withPostgres(work) {
  register();
  const { startEmbeddedPostgres } = await import('../packages/db/src/embedded/index.ts');
  const { migrate } = await import('../packages/db/src/migrate.ts');
  const dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-postgres-'));
  try {
    // PostgreSQL runs as another user where we are root.
    await chmod(dataDir, 0o755);
    const postgres = await startEmbeddedPostgres({ dataDir, durable: false, log: () => {} });
    try {
      return await work(postgres.url, { migrate });
    } finally {
      await postgres.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
