import { randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';

const charType = 18;
const textType = 25;

/**
 * The database as Prisma's schema engine wants it. @prisma/adapter-pg 7.10.0 alone does not serve: its executeScript
 * splits a script at every semicolon, also inside functions; it refuses the catalogs' type "char"; and its shadow
 * database is the main one whenever it was given a connection string.
 */
export function shadowingAdapter(url) {
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => open(url, async () => {}),
    async connectToShadowDb() {
      const name = `shadow_${randomUUID()}`;
      await execute(url, `create database "${name}" template template0`);
      const shadow = new URL(url);
      shadow.pathname = `/${name}`;
      return open(shadow.href, () => execute(url, `drop database "${name}" with (force)`));
    },
  };
}

async function open(url, onDispose) {
  const columns = { char: [] };
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    idleTimeoutMillis: 100,
    Client: clientThatHidesChar(columns),
  });
  const adapter = await new PrismaPg(pool).connect();
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    const columnTypes = [...result.columnTypes];
    for (const index of columns.char) columnTypes[index] = ColumnTypeEnum.Character;
    return { ...result, columnTypes };
  };
  adapter.executeScript = async (script) => {
    try {
      await pool.query(script);
    } catch (error) {
      // The engine itself says no more than "external connector error".
      console.error(`the migration failed: ${error.message}`);
      throw error;
    }
  };
  adapter.dispose = async () => {
    await pool.end();
    await onDispose();
  };
  return adapter;
}

/**
 * Passes "char" columns off as text, and notes which they were in `columns`: those of the last result, which is
 * enough for one connection under one engine that waits for each answer.
 */
function clientThatHidesChar(columns) {
  const hide = (result) => {
    columns.char = [];
    for (const [index, field] of (result?.fields ?? []).entries()) {
      if (field.dataTypeID !== charType) continue;
      field.dataTypeID = textType;
      columns.char.push(index);
    }
    return result;
  };
  return class extends pg.Client {
    query(...args) {
      const callback = args.at(-1);
      if (typeof callback === 'function')
        args[args.length - 1] = (error, result) => callback(error, hide(result));
      const answer = super.query(...args);
      return typeof callback !== 'function' && typeof answer?.then === 'function'
        ? answer.then(hide)
        : answer;
    }
  };
}

async function execute(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
