import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the run's PostgreSQL; its database does not exist. */
    databaseServer: string;
  }
}

export interface TestDatabase {
  readonly url: string;
  /** Cuts the connections that are still open. Not calling it costs only disk until the end of the run. */
  drop(): Promise<void>;
}

/** What each test database is a copy of: migrated, otherwise empty. */
export const templateDatabase = 'waybill_template';

/** A migrated, otherwise empty database for one test file, on the PostgreSQL that `postgres-setup` has started. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await execute(`create database "${name}" template "${templateDatabase}" strategy file_copy`);
  return {
    url: urlOf(name),
    drop: () => execute(`drop database "${name}" with (force)`),
  };
}

async function execute(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf('postgres') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function urlOf(database: string): string {
  return new URL(`/${database}`, inject('databaseServer')).href;
}
