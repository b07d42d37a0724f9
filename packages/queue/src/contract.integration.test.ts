import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '@waybill/domain';
import { startPostgresServer } from '@waybill/testkit/postgres-server';
import { startRedis } from '@waybill/testkit/redis';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type JobOutcome,
  type OpenQueueOptions,
  openQueueSystem,
  type QueueConnections,
  type QueueSettings,
  type QueueSystem,
  type RunHandler,
  type RunJob,
  ShuttingDown,
} from './index.js';

/** A server that a test may treat badly. */
interface BadlyTreated {
  readonly connections: QueueConnections;
  /** All jobs are gone. */
  wipe(): Promise<void>;
  shutDown(): Promise<void>;
  restart(): Promise<void>;
  pause(): Promise<void> | void;
  resume(): Promise<void> | void;
  stop(): Promise<void>;
}

async function onPostgres(): Promise<BadlyTreated> {
  const server = await startPostgresServer();
  return Object.assign(server, {
    connections: { databaseUrl: server.url },
    async wipe() {
      const client = new Client({ connectionString: server.url });
      await client.connect();
      await client.query('truncate bullmq.job cascade');
      await client.end();
    },
  });
}

async function onRedis(): Promise<BadlyTreated> {
  const server = await startRedis();
  return Object.assign(server, {
    connections: { databaseUrl: 'postgresql://nobody@127.0.0.1:9/none', redisUrl: server.url },
    wipe: () => server.flushAll(),
    shutDown: () => server.kill(),
  });
}

const done: JobOutcome = { kind: 'done' };
/** An outcome that the test decides on later. */
function pending() {
  let resolve: (outcome: JobOutcome) => void = () => undefined;
  const promise = new Promise<JobOutcome>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
const quick = { timeout: 8_000, interval: 10 };

describe.each([
  ['PostgreSQL', onPostgres],
  ['Redis', onRedis],
])('the queue on %s', (_name, start) => {
  let server: BadlyTreated;
  let system: QueueSystem;
  const logged: string[] = [];
  let pools = 0;
  let pool = '';

  async function open(settings: Partial<QueueSettings> = {}): Promise<QueueSystem> {
    const options: OpenQueueOptions = {
      log: (level, message, error) => logged.push(`${level} ${message} ${error ?? ''}`),
      settings: { attempts: 3, attemptDelayMs: 50, reconnectDelayMs: 200, ...settings },
    };
    return openQueueSystem(server.connections, options);
  }

  /** A system of its own, closed with the test. */
  async function another(settings?: Partial<QueueSettings>): Promise<QueueSystem> {
    const opened = await open(settings);
    onTestFinished(() => opened.close());
    return opened;
  }

  /** Consumes this test's pool until its end, and remembers what it took. */
  async function consume(handler: RunHandler = async () => done, by: QueueSystem = system, concurrency = 1) {
    const taken: RunJob[] = [];
    const consumer = await by.consume({ pool, concurrency, name: 'worker-1' }, (job, signal) => {
      taken.push(job);
      return handler(job, signal);
    });
    onTestFinished(() => consumer.close(0));
    return { taken, close: (graceMs: number) => consumer.close(graceMs), consumer };
  }

  const newJob = (): RunJob => ({ runId: newId(), epoch: 0 });
  const untilForgotten = (job: RunJob) =>
    vi.waitFor(async () => expect(await system.queue.knows(job, pool)).toBe(false), quick);

  beforeAll(async () => {
    server = await start();
    system = await open();
  });
  afterAll(async () => {
    await system.close();
    await server.stop();
  });
  afterEach(() => {
    logged.length = 0;
  });
  // Each test has a queue of its own.
  const isolated = (name: string, body: () => Promise<void>) =>
    test(name, async () => {
      pool = `pool-${++pools}`;
      await body();
    });

  isolated('delivers a job to one consumer of its pool, with nothing but run and epoch', async () => {
    const job = newJob();
    const first = await consume();
    const second = await consume();
    await system.queue.enqueue({ ...job, secret: 'x' } as RunJob, { pool });
    await untilForgotten(job);
    expect([...first.taken, ...second.taken]).toEqual([job]);
  });

  isolated('takes the same run and epoch twice for one job, also while it is executed', async () => {
    const job = newJob();
    await system.queue.enqueue(job, { pool });
    await system.queue.enqueue(job, { pool });
    const finish = pending();
    const { taken, consumer } = await consume(() => finish.promise, system, 4);
    await vi.waitFor(() => expect(taken).toEqual([job]), quick);
    await system.queue.enqueue(job, { pool });
    await sleep(100);
    expect(consumer.active).toBe(1);
    finish.resolve(done);
    await untilForgotten(job);
    expect(taken).toEqual([job]);
  });

  isolated('takes a run and epoch again once it was executed, and another epoch at any time', async () => {
    const job = newJob();
    const { taken } = await consume();
    await system.queue.enqueue(job, { pool });
    await untilForgotten(job);
    await system.queue.enqueue(job, { pool });
    await system.queue.enqueue({ ...job, epoch: 1 }, { pool });
    await vi.waitFor(() => expect(taken).toEqual([job, job, { ...job, epoch: 1 }]), quick);
  });

  isolated('delivers not before the given instant', async () => {
    const notBefore = new Date(Date.now() + 400);
    let at = 0;
    await consume(async () => {
      at = Date.now();
      return done;
    });
    const job = newJob();
    await system.queue.enqueue(job, { pool, notBefore });
    expect(await system.queue.knows(job, pool)).toBe(true);
    await untilForgotten(job);
    expect(at).toBeGreaterThanOrEqual(notBefore.getTime());
  });

  isolated('delivers a postponed job again at its instant, without using up a try', async () => {
    const job = newJob();
    const times: number[] = [];
    await consume(async () => {
      times.push(Date.now());
      // More often than the queue tries a job that fails.
      return times.length > 4 ? done : { kind: 'postpone-until', until: new Date(Date.now() + 150) };
    });
    await system.queue.enqueue(job, { pool });
    await untilForgotten(job);
    expect(times).toHaveLength(5);
    expect((times[4] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(600);
  });

  isolated('tries a job whose handler throws again, and drops it after the last try', async () => {
    const job = newJob();
    const { taken } = await consume(async () => {
      throw new Error('no database');
    });
    await system.queue.enqueue(job, { pool });
    await untilForgotten(job);
    expect(taken).toHaveLength(3);
    await vi.waitFor(() => expect(logged.join()).toContain(`gave up on run ${job.runId}`), quick);
  });

  isolated('drops a job at once that is no run', async () => {
    const { taken } = await consume();
    await system.queue.enqueue({ runId: 'no-id', epoch: 0 }, { pool });
    await untilForgotten({ runId: 'no-id', epoch: 0 });
    expect(taken).toEqual([]);
    await vi.waitFor(() => expect(logged.join()).toContain('not a run and its epoch'), quick);
    expect(logged.join()).not.toContain('failed, try');
  });

  isolated(
    'hands a job back to another consumer within a second, however often, without using up a try',
    async () => {
      const job = newJob();
      const endless: RunHandler = (_job, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ kind: 'hand-back' }));
        });
      let current = await consume(endless, system, 2);
      await system.queue.enqueue(job, { pool });
      for (let round = 0; round < 5; round++) {
        const next = await consume(endless, await another(), 2);
        await vi.waitFor(() => expect(current.taken).toEqual([job]), quick);
        const asked = Date.now();
        await current.close(0);
        await vi.waitFor(() => expect(next.taken).toEqual([job]), { timeout: 1_000, interval: 5 });
        expect(Date.now() - asked).toBeLessThan(1_000);
        current = next;
      }
      expect(await system.queue.knows(job, pool)).toBe(true);
      await current.close(0);
      const last = await consume();
      await untilForgotten(job);
      expect(last.taken).toEqual([job]);
    },
  );

  isolated('waits for running handlers when it closes, and takes no more jobs', async () => {
    const first = newJob();
    const second = newJob();
    const finish = pending();
    let aborted = false;
    const { taken, close } = await consume((_job, signal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return finish.promise;
    });
    await system.queue.enqueue(first, { pool });
    await vi.waitFor(() => expect(taken).toHaveLength(1), quick);
    const closed = close(30_000);
    await system.queue.enqueue(second, { pool });
    await sleep(100);
    finish.resolve(done);
    await closed;
    expect({ taken, aborted }).toEqual({ taken: [first], aborted: false });
    expect(await system.queue.knows(first, pool)).toBe(false);
    expect(await system.queue.knows(second, pool)).toBe(true);
  });

  isolated(
    'aborts with ShuttingDown after the grace, and a handler that throws on it has handed back',
    async () => {
      const job = newJob();
      let reason: unknown;
      const stopped = await consume(async (_job, signal) => {
        await sleep(60_000, undefined, { signal }).catch(() => undefined);
        reason = signal.reason;
        throw signal.reason;
      });
      await system.queue.enqueue(job, { pool });
      await vi.waitFor(() => expect(stopped.taken).toHaveLength(1), quick);
      const asked = Date.now();
      await stopped.close(200);
      expect(Date.now() - asked).toBeGreaterThanOrEqual(195);
      expect(reason).toBeInstanceOf(ShuttingDown);
      const next = await consume();
      await vi.waitFor(() => expect(next.taken).toEqual([job]), { timeout: 1_000, interval: 5 });
    },
  );

  isolated('stops waiting for a handler that ignores the abort', async () => {
    const finish = pending();
    const { taken, close } = await consume(() => finish.promise, await another({ closeTimeoutMs: 300 }));
    await system.queue.enqueue(newJob(), { pool });
    await vi.waitFor(() => expect(taken).toHaveLength(1), quick);
    const asked = Date.now();
    await close(0);
    expect(Date.now() - asked).toBeLessThan(2_000);
    expect(logged.join()).toContain('gave up waiting, 1 handlers still running');
    finish.resolve(done);
  });

  isolated('runs as many handlers at a time as it was told', async () => {
    let most = 0;
    const { consumer, taken } = await consume(
      async () => {
        most = Math.max(most, consumer.active);
        await sleep(30);
        return done;
      },
      system,
      3,
    );
    await Promise.all(Array.from({ length: 12 }, () => system.queue.enqueue(newJob(), { pool })));
    await vi.waitFor(() => expect(taken).toHaveLength(12), quick);
    expect(most).toBe(3);
  });

  isolated('refuses a pool whose name is none', async () => {
    await expect(system.queue.enqueue(newJob(), { pool: 'a:b' })).rejects.toThrow('worker pool "a:b"');
    await expect(system.consume({ pool: '', concurrency: 1, name: 'w' }, async () => done)).rejects.toThrow(
      'worker pool ""',
    );
  });

  isolated('executes what is enqueued after the queue was wiped under its consumers', async () => {
    const finish = pending();
    let wiped = false;
    const { taken } = await consume(async () => (wiped ? done : finish.promise), system, 2);
    const [running, waiting, later] = [newJob(), newJob(), newJob()];
    await system.queue.enqueue(running, { pool });
    await system.queue.enqueue(waiting, { pool, notBefore: new Date(Date.now() + 60_000) });
    await vi.waitFor(() => expect(taken).toEqual([running]), quick);
    await server.wipe();
    wiped = true;
    expect(await system.queue.knows(waiting, pool)).toBe(false);
    await system.queue.enqueue(later, { pool });
    finish.resolve(done);
    await untilForgotten(later);
    await system.queue.enqueue(waiting, { pool });
    await untilForgotten(waiting);
    expect(taken).toEqual([running, later, waiting]);
  });

  isolated('carries signals to all systems, below a topic or for it alone', async () => {
    const [publisher, listener] = [await another(), await another()];
    const heard: unknown[] = [];
    const all = await listener.signals.subscribe('runs.>', (topic, message) =>
      heard.push(['all', topic, message]),
    );
    await listener.signals.subscribe('runs.1.cancel', (topic) => heard.push(['one', topic]));
    await listener.signals.subscribe('runs.broken', () => {
      throw new Error('listener');
    });
    const text = 'żółw \0 \ud800 "';
    await publisher.signals.publish('runs.broken', null);
    await publisher.signals.publish('runs.1.cancel', { text });
    await publisher.signals.publish('workers.1', 1);
    await vi.waitFor(() => expect(heard).toHaveLength(3), quick);
    expect(heard).toEqual([
      ['all', 'runs.broken', null],
      ['all', 'runs.1.cancel', { text }],
      ['one', 'runs.1.cancel'],
    ]);
    await all();
    await publisher.signals.publish('runs.1.cancel', 2);
    await vi.waitFor(() => expect(heard).toHaveLength(4), quick);
    expect(heard[3]).toEqual(['one', 'runs.1.cancel']);
  });

  isolated('goes on by itself after a restart of the server', async () => {
    const { taken } = await consume();
    const heard: unknown[] = [];
    onTestFinished(await system.signals.subscribe('after.>', (_topic, message) => heard.push(message)));
    const job = newJob();
    await server.restart();
    await vi.waitFor(() => system.queue.enqueue(job, { pool }), quick);
    await untilForgotten(job);
    expect(taken).toEqual([job]);
    await vi.waitFor(async () => {
      await system.signals.publish('after.restart', 'back');
      await sleep(50);
      expect(heard).toContain('back');
    }, quick);
  });

  isolated(
    'fails to produce within seconds while the server is gone, loses signals, and closes in time',
    async () => {
      const own = await open({ commandTimeoutMs: 500, closeTimeoutMs: 500 });
      const { taken } = await consume(
        (_job, signal) =>
          new Promise((resolve) => signal.addEventListener('abort', () => resolve({ kind: 'hand-back' }))),
        own,
      );
      const job = newJob();
      await own.queue.enqueue(job, { pool });
      await vi.waitFor(() => expect(taken).toEqual([job]), quick);
      await server.shutDown();
      try {
        const asked = Date.now();
        await expect(own.queue.enqueue(newJob(), { pool })).rejects.toThrow();
        await expect(own.queue.knows(job, pool)).rejects.toThrow();
        await own.signals.publish('runs.1', 1);
        await own.close();
        expect(Date.now() - asked).toBeLessThan(8_000);
        expect(logged.join()).toContain('lost one for runs.1');
      } finally {
        await server.restart();
      }
    },
  );

  isolated(
    'closes an idle consumer without waiting for the grace, also while the server is gone',
    async () => {
      const { close } = await consume(async () => done, await another({ closeTimeoutMs: 300 }));
      await server.shutDown();
      try {
        const asked = Date.now();
        await close(30_000);
        expect(Date.now() - asked).toBeLessThan(3_000);
      } finally {
        await server.restart();
      }
    },
  );

  isolated('fails to produce within seconds while the server hangs, and closes in time', async () => {
    const own = await open({ commandTimeoutMs: 500, closeTimeoutMs: 500 });
    await consume(async () => done, own);
    await own.queue.enqueue(newJob(), { pool });
    await server.pause();
    try {
      const asked = Date.now();
      await expect(own.queue.enqueue(newJob(), { pool })).rejects.toThrow();
      await own.close();
      expect(Date.now() - asked).toBeLessThan(6_000);
    } finally {
      await server.resume();
    }
  });
});
