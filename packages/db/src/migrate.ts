import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/** The database's migrations and ours do not go together; the message says which and what to do. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  /** Hex SHA-256 of the file, as Prisma's tools compute it. */
  readonly checksum: string;
}

interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
  readonly finished: boolean;
}

/** The number under which Prisma's own tools lock a database while they migrate it. */
const prismaLock = 72_707_369;

/**
 * Brings the database to this version's schema: applies the migrations that it lacks, each in a transaction of its
 * own, and keeps Prisma's book of them, so that Prisma's tools agree. Safe to call from many processes at once: one
 * works, the others wait up to a minute and find nothing left to do.
 * @returns the names of the migrations that were applied now
 * @throws MigrationRefused if an applied migration was changed since, or a newer Waybill has migrated the database
 */
export async function migrate(
  url: string,
  options: { readonly directory?: string } = {},
): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(options.directory ?? findDirectory());
  const client = new pg.Client({ connectionString: url, application_name: 'waybill migrate' });
  // A connection that breaks is the error of the query that waits for it.
  client.on('error', () => {});
  await client.connect();
  try {
    // The lock ends with the connection.
    await client.query(`set lock_timeout = '60s'`);
    await client.query('select pg_advisory_lock($1)', [prismaLock]);
    await client.query(bookTable);
    const missing = findMissing(migrations, await readBook(client));
    for (const migration of missing) await apply(client, migration);
    return { applied: missing.map((migration) => migration.name) };
  } finally {
    await client.end();
  }
}

/** Beside `packages`, from `src` as well as from `dist`. */
function findDirectory(): string {
  const directory = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));
  if (existsSync(directory)) return directory;
  throw new MigrationRefused(`there are no migrations in ${directory}: the installation is incomplete`);
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return await Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(path.join(directory, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function readBook(client: pg.Client): Promise<AppliedMigration[]> {
  const { rows } = await client.query<AppliedMigration>(
    `select migration_name as name, checksum, finished_at is not null as finished
       from _prisma_migrations where rolled_back_at is null order by started_at`,
  );
  return rows;
}

function findMissing(migrations: readonly Migration[], book: readonly AppliedMigration[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, checksum, finished } of book) {
    const ours = known.get(name);
    if (!ours)
      throw new MigrationRefused(
        `the database was migrated by a newer Waybill: it has ${name}, which this version doesn't know. ` +
          'Run that version, or restore a backup from before.',
      );
    if (!finished)
      throw new MigrationRefused(
        `migration ${name} was begun by another tool and never finished. Repair the database, or restore a backup.`,
      );
    if (checksum !== ours.checksum)
      throw new MigrationRefused(
        `migration ${name} was changed after it was applied: the database has ${checksum}, the file ${ours.checksum}. ` +
          'Restore the file, and make the change as a new migration.',
      );
  }
  const applied = new Set(book.map((row) => row.name));
  return migrations.filter((migration) => !applied.has(migration.name));
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(migration.sql);
    await client.query(
      `insert into _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       values ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query('commit');
  } catch (cause) {
    // Closing the connection, which the caller does, rolls back.
    throw new Error(
      `migration ${migration.name} failed and left nothing behind: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** As Prisma's tools make it. */
const bookTable = `
  create table if not exists _prisma_migrations (
    id varchar(36) primary key not null,
    checksum varchar(64) not null,
    finished_at timestamptz,
    migration_name varchar(255) not null,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz not null default now(),
    applied_steps_count integer not null default 0
  )`;
