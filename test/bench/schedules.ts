// What time costs: how soon the runs of many schedules that fall due in the same minute are in the queue, with one scheduler,
// and what a scheduler costs while very many schedules have nothing to do. `npm run bench:schedules -- [--redis] [--quick]`,
// after `npm run build`. The aims: 10,000 schedules within 10 s; 100,000 idle ones for under 5 % of a core and 300 MiB.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Database, openDatabase } from '@waybill/db';
import { migrate } from '@waybill/db/migrate';
import { startPostgresServer } from '@waybill/testkit/postgres-server';
import { startRedis } from '@waybill/testkit/redis';
import { Cleanup } from '../support/cleanup.js';
import { Part } from '../support/processes.js';

const { values: asked } = parseArgs({
  options: { redis: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const DUE = asked.quick ? 1_000 : 10_000;
const IDLE = asked.quick ? 10_000 : 100_000;
const SETTLE_MS = 10_000;
const MEASURE_MS = asked.quick ? 10_000 : 60_000;
const GIVE_UP_MS = 120_000;
const MIB = 1024 * 1024;

await using cleanup = new Cleanup();
const server = await startPostgresServer();
cleanup.defer(() => server.stop());
await migrate(server.url);
const database = openDatabase({ url: server.url, maxConnections: 2 });
cleanup.defer(() => database.close());
const redis = asked.redis ? await startRedis() : undefined;
if (redis) cleanup.defer(() => redis.stop());

await seed(database, IDLE);
const scheduler = new Part('apps/scheduler/dist/main.js', [], {
  ...{ DATABASE_URL: server.url, REDIS_URL: redis?.url, WAYBILL_LOG_LEVEL: 'warn' },
});
cleanup.defer(() => scheduler.end('SIGTERM'));
await sleep(SETTLE_MS);
const idle = await usageOver(MEASURE_MS);

// Written a while before it falls due, so that the scheduler meets all of it at once.
const dueAt = Math.ceil((Date.now() + 5_000) / 60_000) * 60_000;
await makeDue(database, DUE, new Date(dueAt));
const fired = await secondsUntil(dueAt, () => countRuns('true'));
const told = await secondsUntil(dueAt, () => countRuns('enqueued_at is not null'));
console.table({
  [`${IDLE} idle schedules`]: idle,
  [`${DUE} schedules due at once`]: {
    'runs made, s': fired,
    'queue told, s': told,
    'memory, MiB': memoryMiB(scheduler.pid),
  },
});
if (scheduler.output) console.error(scheduler.output);

/** Each has a transfer of its own; all are due in a year. */
async function seed({ prisma }: Database, count: number): Promise<void> {
  await prisma.$executeRaw`
    insert into endpoint (id, name, kind, settings)
    values (gen_random_uuid(), 'here', 'local', '{"root": "/tmp"}'),
           (gen_random_uuid(), 'there', 'sftp', '{"host": "localhost"}')`;
  await prisma.$transaction([
    prisma.$executeRaw`
      insert into transfer (id, name, kind, current_version)
      select gen_random_uuid(), 't-' || n, 'push', 1 from generate_series(1, ${count}::int) n`,
    prisma.$executeRaw`
      insert into transfer_version (id, transfer_id, number, definition, source_endpoint_id, target_endpoint_id)
      select gen_random_uuid(), t.id, 1,
             jsonb_build_object('source', jsonb_build_object('endpointId', h.id, 'directory', ''),
                                'target', jsonb_build_object('endpointId', r.id, 'directory', '')), h.id, r.id
      from transfer t, endpoint h, endpoint r where h.name = 'here' and r.name = 'there'`,
  ]);
  await prisma.$executeRaw`
    insert into schedule (id, transfer_id, name, cron, time_zone, next_due_at)
    select gen_random_uuid(), id, name, '0 6 * * *', 'Europe/Berlin', now() + interval '1 year' from transfer`;
  await prisma.$executeRaw`analyze`;
}

async function makeDue({ prisma }: Database, count: number, at: Date): Promise<void> {
  const minute = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
  await prisma.$executeRaw`
    update schedule set cron = ${minute}, time_zone = 'UTC', next_due_at = ${at}
    where id in (select id from schedule order by name limit ${count})`;
}

async function countRuns(condition: 'true' | 'enqueued_at is not null'): Promise<number> {
  const [row] = await database.prisma.$queryRawUnsafe<{ count: number }[]>(
    `select count(*)::int as count from run where ${condition}`,
  );
  return row?.count ?? 0;
}

async function secondsUntil(since: number, count: () => Promise<number>): Promise<number> {
  while ((await count()) < DUE) {
    if (Date.now() > since + GIVE_UP_MS) throw new Error(`only ${await count()} of ${DUE} after two minutes`);
    await sleep(100);
  }
  return (Date.now() - since) / 1000;
}

async function usageOver(ms: number) {
  const before = cpuSeconds();
  await sleep(ms);
  const after = cpuSeconds();
  const percent = (used: number) => Number(((used / ms) * 100_000).toFixed(2));
  return {
    'scheduler, % of a core': percent(after.scheduler - before.scheduler),
    'PostgreSQL, % of a core': percent(after.postgres - before.postgres),
    'memory, MiB': memoryMiB(scheduler.pid),
  };
}

/** Of the scheduler, and of PostgreSQL with the connections that have ended meanwhile. */
function cpuSeconds() {
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8');
  const open = children.split(' ').filter(Boolean).map(Number);
  const postgres = [...open.map((pid) => cpuSecondsOf(pid)), cpuSecondsOf(server.pid, { ended: true })];
  return {
    scheduler: cpuSecondsOf(scheduler.pid),
    postgres: postgres.reduce((sum, seconds) => sum + seconds, 0),
  };
}

/** Of the process, and on request of its children that have ended; counted in ticks of 10 ms. */
function cpuSecondsOf(pid: number, { ended = false } = {}): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const ticks = fields.slice(11, ended ? 15 : 13).map(Number);
  return ticks.reduce((sum, count) => sum + count, 0) / 100;
}

function memoryMiB(pid: number): number {
  const [, resident] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
  return Math.round(((resident ?? 0) * 4096) / MIB);
}
