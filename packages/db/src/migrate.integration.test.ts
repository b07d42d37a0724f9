import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { MigrationRefused, migrate } from './migrate.js';

const root = path.resolve(import.meta.dirname, '../../..');

let directory: string;
let url: string;
let client: pg.Client;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'waybill-migrations-'));
  const name = `migrate_${path.basename(directory).slice(-6).toLowerCase()}`;
  const server = new pg.Client({ connectionString: new URL('/postgres', inject('databaseServer')).href });
  await server.connect();
  await server.query(`create database "${name}"`);
  await server.end();
  url = new URL(`/${name}`, inject('databaseServer')).href;
  client = new pg.Client({ connectionString: url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await rm(directory, { recursive: true });
});

async function write(name: string, sql: string): Promise<void> {
  await mkdir(path.join(directory, name), { recursive: true });
  await writeFile(path.join(directory, name, 'migration.sql'), sql);
}

describe('migrate', () => {
  it('applies what is missing, in the order of the names, and nothing twice', async () => {
    await write('1_one', 'create table a (n int); insert into a values (1);');
    expect(await migrate(url, { directory })).toEqual({ applied: ['1_one'] });
    await write('3_three', 'insert into a select count(*) from b;');
    await write('2_two', "create table b (t text default ';');");
    expect(await migrate(url, { directory })).toEqual({ applied: ['2_two', '3_three'] });
    expect(await migrate(url, { directory })).toEqual({ applied: [] });
    expect((await client.query('select n from a')).rows).toEqual([{ n: 1 }, { n: 0 }]);
  });

  it('works once when many processes start together', async () => {
    await write('1_one', 'create table a (n int);');
    const results = await Promise.all(Array.from({ length: 4 }, () => migrate(url, { directory })));
    expect(results.flatMap((result) => result.applied)).toEqual(['1_one']);
  });

  it('leaves nothing of a migration that fails, and says which', async () => {
    await write('1_one', 'create table a (n int);');
    await write('2_two', 'create table b (n int); insert into nowhere values (1);');
    await expect(migrate(url, { directory })).rejects.toThrow(/2_two.*"nowhere" does not exist/);
    const { rows } = await client.query(
      `select to_regclass('a') is not null as a, to_regclass('b') is not null as b`,
    );
    expect(rows).toEqual([{ a: true, b: false }]);
    await write('2_two', 'create table b (n int);');
    expect(await migrate(url, { directory })).toEqual({ applied: ['2_two'] });
  });

  it('refuses a database that a newer Waybill has migrated', async () => {
    await write('1_one', 'create table a (n int);');
    await write('2_two', 'create table b (n int);');
    await migrate(url, { directory });
    await rm(path.join(directory, '2_two'), { recursive: true });
    const refused = await migrate(url, { directory }).catch((error) => error);
    expect(refused).toBeInstanceOf(MigrationRefused);
    expect(refused.message).toMatch(/newer Waybill.*2_two/);
  });

  it('refuses when a migration was changed after it was applied', async () => {
    await write('1_one', 'create table a (n int);');
    await migrate(url, { directory });
    await write('1_one', 'create table a (n bigint);');
    await expect(migrate(url, { directory })).rejects.toThrow(/1_one was changed after it was applied/);
  });

  it("applies the project's own migrations, also where something stands in the directory that is none", async () => {
    await cp(path.join(root, 'prisma/migrations'), directory, { recursive: true });
    const { applied } = await migrate(url, { directory });
    expect(applied[0]).toMatch(/_init$/);
    expect(await migrate(url)).toEqual({ applied: [] });
  });
});

describe('prisma/migrations', () => {
  it('make what prisma/*.prisma say', async () => {
    const tool = path.join(root, 'tools/create-migration.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [tool, '--check']);
    expect(stdout).toContain('the migrations make what the schema says');
  });
});
