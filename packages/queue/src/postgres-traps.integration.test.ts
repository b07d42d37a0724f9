import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@waybill/domain';
import { type PostgresServer, startPostgresServer } from '@waybill/testkit/postgres-server';
import { Client, Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  openQueueSystem,
  type QueueSettings,
  type QueueSystem,
  type RunHandler,
  type RunJob,
} from './index.js';
import { resilientPool } from './resilient-pool.js';

// What BullMQ 6.7 gets wrong on PostgreSQL if it is left alone, and what we promise instead.
describe('the queue on PostgreSQL', () => {
  let server: PostgresServer;
  const logged: string[] = [];

  async function open(settings: Partial<QueueSettings> = {}, now?: () => number): Promise<QueueSystem> {
    const system = await openQueueSystem(
      { databaseUrl: server.url },
      {
        log: (level, message, error) => logged.push(`${level} ${message} ${error ?? ''}`),
        settings,
        ...(now && { now }),
      },
    );
    onTestFinished(() => system.close());
    return system;
  }

  const query = async (text: string, values: unknown[] = []) => {
    const client = new Client({ connectionString: server.url });
    await client.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  const newJob = (): RunJob => ({ runId: newId(), epoch: 0 });
  const consume = (system: QueueSystem, pool: string, handler: RunHandler) =>
    system.consume({ pool, concurrency: 10, name: 'worker' }, handler);

  beforeAll(async () => {
    server = await startPostgresServer();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    logged.length = 0;
  });

  test('repeats a statement that met a deadlock', async () => {
    const pool = new Pool({ connectionString: server.url });
    onTestFinished(() => pool.end());
    const signal = new AbortController().signal;
    const patient = resilientPool(pool, { retryForMs: 10_000, signal });
    const lock = (first: number, second: number) =>
      `do $$ begin perform pg_advisory_xact_lock(${first}); perform pg_sleep(0.2); perform pg_advisory_xact_lock(${second}); end $$`;
    const plain = await Promise.allSettled([pool.query(lock(1, 2)), pool.query(lock(2, 1))]);
    expect(plain.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(Promise.all([patient.query(lock(1, 2)), patient.query(lock(2, 1))])).resolves.toHaveLength(
      2,
    );
  });

  test('keeps no finished jobs, whose trimming would deadlock', async () => {
    const system = await open({ attempts: 1 });
    let executed = 0;
    await consume(system, 'kept', async () => {
      if (++executed % 2) throw new Error('odd');
      return { kind: 'done' };
    });
    await Promise.all(Array.from({ length: 20 }, () => system.queue.enqueue(newJob(), { pool: 'kept' })));
    const jobs = `select count(*)::int as jobs from bullmq.job where queue = 'runs-kept'`;
    await vi.waitFor(async () => expect(await query(jobs)).toEqual([{ jobs: 0 }]), 5_000);
    expect(executed).toBe(20);
  });

  test('executes each job once, and fails none, while connections are cut all the time', async () => {
    const settings = { lockDurationMs: 3_000, stalledIntervalMs: 1_000, reconnectDelayMs: 200 };
    const systems = [await open(settings), await open(settings)] as const;
    const executions = new Map<string, number>();
    for (const system of systems)
      await consume(system, 'storm', async ({ runId }) => {
        executions.set(runId, (executions.get(runId) ?? 0) + 1);
        await sleep(20);
        return { kind: 'done' };
      });

    let storming = true;
    let cuts = 0;
    const storm = (async () => {
      while (storming) {
        const others = 'pid <> pg_backend_pid() and datname = current_database()';
        cuts += (await query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`))
          .length;
        await sleep(300);
      }
    })();
    const jobs = Array.from({ length: 200 }, newJob);
    for (const job of jobs) {
      await systems[0].queue.enqueue(job, { pool: 'storm' });
      await sleep(10);
    }
    storming = false;
    await storm;

    await vi.waitFor(() => expect(executions.size).toBe(jobs.length), 15_000);
    expect([...executions.values()].filter((times) => times !== 1)).toEqual([]);
    expect(cuts).toBeGreaterThan(20);
    expect(logged.filter((line) => line.includes('gave up') || line.includes('failed, try'))).toEqual([]);
  });

  test('waits for a server that comes up later', async () => {
    await server.shutDown();
    const opening = open();
    await sleep(300);
    await server.restart();
    const system = await opening;
    const executed: RunJob[] = [];
    await consume(system, 'later', async (job) => {
      executed.push(job);
      return { kind: 'done' };
    });
    const job = newJob();
    await system.queue.enqueue(job, { pool: 'later' });
    await vi.waitFor(() => expect(executed).toEqual([job]), 5_000);
  });

  test('says so if the server stays away, and can be opened again', async () => {
    await server.shutDown();
    await expect(open({ openTimeoutMs: 300 })).rejects.toThrow(
      /cannot open the queue on PostgreSQL: .*ECONNREFUSED/,
    );
    await server.restart();
    await expect(open()).resolves.toHaveProperty('backend', 'postgresql');
  });

  test('produces for a pool that was first asked for while the server was gone', async () => {
    const system = await open({ commandTimeoutMs: 200 });
    const job = newJob();
    await server.shutDown();
    await expect(system.queue.enqueue(job, { pool: 'new' })).rejects.toThrow();
    await server.restart();
    await vi.waitFor(() => system.queue.enqueue(job, { pool: 'new' }), 5_000);
    expect(await system.queue.knows(job, 'new')).toBe(true);
  });

  test('records a failure whose message PostgreSQL could not keep', async () => {
    const system = await open({ attempts: 1, lockDurationMs: 500, stalledIntervalMs: 200 });
    let executions = 0;
    await consume(system, 'odd', async () => {
      executions++;
      throw new Error(`name \0 and \ud800 ${'x'.repeat(100_000)}`);
    });
    const job = newJob();
    await system.queue.enqueue(job, { pool: 'odd' });
    await vi.waitFor(async () => expect(await system.queue.knows(job, 'odd')).toBe(false), 5_000);
    await sleep(1_000); // a lock that expires would show by now
    expect({ executions, stalled: logged.filter((line) => line.includes('lost its worker')) }).toEqual({
      executions: 1,
      stalled: [],
    });
  });

  test('refuses to start on a host whose clock is off', async () => {
    await expect(open({}, () => Date.now() + 12_000)).rejects.toThrow(
      /clock is 1[12]\d{3} ms ahead of PostgreSQL's/,
    );
    await expect(open({}, () => Date.now() - 12_000)).rejects.toThrow(
      /clock is 1[12]\d{3} ms behind PostgreSQL's/,
    );
    await expect(open({}, () => Date.now() + 8_000)).resolves.toHaveProperty('backend', 'postgresql');
  });

  test('leaves room for everything else when it refuses one more consumer', async () => {
    const system = await open({ poolSize: 6 });
    const stopped = await consume(system, 'a', async () => ({ kind: 'done' }));
    await consume(system, 'b', async () => ({ kind: 'done' }));
    await expect(consume(system, 'c', async () => ({ kind: 'done' }))).rejects.toThrow('raise poolSize');
    await stopped.close(0);
    await expect(consume(system, 'c', async () => ({ kind: 'done' }))).resolves.toHaveProperty('active', 0);
  });

  test('lives in a schema of its own, whatever options the URL has', async () => {
    const url = new URL(await server.createDatabase('with_options'));
    url.searchParams.set('options', '-c statement_timeout=30000');
    const system = await openQueueSystem({ databaseUrl: url.toString() }, { log: () => undefined });
    onTestFinished(() => system.close());
    const job = newJob();
    await system.queue.enqueue(job, { pool: 'default' });
    expect(await system.queue.knows(job, 'default')).toBe(true);
  });
});
