import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEndpoint, findRun, listAttempts, listDeliveries, openDatabase } from '@waybill/db';
import {
  type Actor,
  defaultRetryPolicy,
  type EndpointLimits,
  type EndpointSettings,
  type Id,
  newId,
  parsePath,
  rootPath,
} from '@waybill/domain';
import {
  addHostKey,
  type Claim,
  claimRun,
  createEndpoint,
  createTransfer,
  dispatchQueuedRuns,
  registerWorker,
  renewLease,
  setCredential,
  triggerRun,
  updateEndpoint,
} from '@waybill/operations';
import { openQueueSystem } from '@waybill/queue';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { openLocalEndpoint, Throttle, throttled } from '@waybill/storage';
import { handClock } from '@waybill/storage/hand-clock';
import { createLogger } from '@waybill/telemetry';
import { createTestDatabase } from '@waybill/testkit';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EndpointShares } from './endpoint-shares.js';
import { startWorker } from './worker.js';

const actor: Actor = { kind: 'system', name: 'test' };
const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the test'));
const log = createLogger({ name: 'test', level: 'silent' });
const KiB = 1_024;

const releases: (() => Promise<unknown>)[] = [];
let context: { readonly database: ReturnType<typeof openDatabase>; readonly actor: Actor };
let server: OpenSshServer;
let url: string;
let directory: string;

beforeAll(async () => {
  const home = await createTestDatabase();
  releases.push(() => home.drop());
  url = home.url;
  context = { database: openDatabase({ url }), actor };
  releases.push(() => context.database.close());
  directory = await mkdtemp(join(tmpdir(), 'waybill-limits-'));
  releases.push(() => rm(directory, { recursive: true }));
  server = await startOpenSsh({ config: ['Match all', 'PasswordAuthentication yes'] });
  releases.push(() => server.stop());
});
afterAll(async () => {
  for (const release of releases.reverse()) await release();
});

/** So many workers of a pool, with queues of their own, and a scheduler that dispatches. */
async function startWorkers(pool: string, count: number) {
  const queues = await Promise.all(
    Array.from({ length: count }, () => openQueueSystem({ databaseUrl: url }, { log: () => {} })),
  );
  const [first] = queues;
  if (!first) throw new Error('no worker');
  const options = { pools: [pool], concurrency: 4, leaseMs: 1_500, graceMs: 0, sweepAfterMs: 0 };
  const parts = { database: context.database, vault, log };
  const workers = await Promise.all(
    queues.map((queue, i) =>
      startWorker({ ...parts, queue, signals: queue.signals }, { ...options, name: `w${i}` }),
    ),
  );
  const stopped = new AbortController();
  const dispatching = (async () => {
    while (!stopped.signal.aborted) {
      await dispatchQueuedRuns({ database: context.database, queue: first.queue });
      await sleep(50);
    }
  })();
  return async () => {
    stopped.abort();
    await dispatching;
    for (const worker of workers) await worker.close();
    for (const queue of queues) await queue.close();
  };
}

async function aDirectory(pool: string, name: string, limits: EndpointLimits = {}) {
  const root = join(directory, `${pool}-${name}`);
  await mkdir(root, { recursive: true });
  const settings = { kind: 'local', root } as const;
  return {
    root,
    endpoint: await createEndpoint(context, { name: `${pool}-${name}`, settings, limits, pool }),
  };
}

async function anAccount(
  name: string,
  pool: string,
  { at = server, jump }: { at?: OpenSshServer; jump?: Id } = {},
) {
  const settings: EndpointSettings = {
    ...{ kind: 'sftp', host: at.host, port: at.port, username: at.username, root: at.root },
    ...{ connectTimeoutMs: 20_000, operationTimeoutMs: 20_000, keepaliveMs: 10_000 },
    ...(jump && { route: { kind: 'jump', endpointId: jump } as const }),
  };
  const endpoint = await createEndpoint(context, { name, settings, pool });
  await addHostKey(context, name, at.hostKey);
  return endpoint;
}

async function setKey(endpointId: Id, { clientKey: { privateKey } }: OpenSshServer) {
  await setCredential(context, endpointId, { kind: 'private-key', privateKey }, vault);
}

async function setWrongPassword(endpointId: Id) {
  const password = randomBytes(9).toString('hex');
  await setCredential(context, endpointId, { kind: 'password', password }, vault);
}

async function aRun(name: string, source: Id, target: Id): Promise<Id> {
  const { id: transferId } = await createTransfer(context, {
    name,
    definition: {
      source: { endpointId: source, directory: rootPath, include: ['*'], exclude: [] },
      target: { endpointId: target, directory: parsePath(name) },
      disposition: { kind: 'keep' },
      conflict: 'replace',
      verification: 'size',
      concurrency: 4,
      retry: { ...defaultRetryPolicy, firstDelayMs: 10 },
    },
  });
  return (await triggerRun(context, { transferId })).run.id;
}

async function runOf(id: Id) {
  return (await findRun(context.database, id)) ?? expect.unreachable(`no run ${id}`);
}

it('ten queued runs with a wrong password try it once, and go on when it is set right', async () => {
  const target = await anAccount('acme', 'ten');
  await setWrongPassword(target.id);
  const { root, endpoint: source } = await aDirectory('ten', 'out');
  await writeFile(join(root, 'a.csv'), 'a;b;c');
  const runs: Id[] = [];
  for (let i = 0; i < 10; i++) runs.push(await aRun(`ten-${i}`, source.id, target.id));
  const stop = await startWorkers('ten', 2);
  try {
    const waiting = async () => {
      const all = await Promise.all(runs.map(runOf));
      return all.filter((run) => run.waiting?.message.includes('authentication-failed'));
    };
    await expect.poll(async () => (await waiting()).length, { timeout: 30_000, interval: 50 }).toBe(9);
    for (const run of await waiting())
      expect(run).toMatchObject({ state: 'queued', attemptsUsed: 0, waiting: { reason: 'suspended' } });
    expect((await findEndpoint(context.database, 'acme'))?.breaker).toMatchObject({ state: 'open' });
    const attempts = await Promise.all(runs.map((id) => listAttempts(context.database, id)));
    expect(attempts.flat()).toHaveLength(1);
    // sshd's log may lag behind what its client saw.
    await expect.poll(() => server.log()).toContain('Failed password');
    expect(server.log().match(/Failed password/g)).toHaveLength(1);

    await setKey(target.id, server);
    const states = async () => (await Promise.all(runs.map(runOf))).map(({ state }) => state).sort();
    await expect
      .poll(states, { timeout: 60_000, interval: 100 })
      .toEqual(['failed', ...Array(9).fill('succeeded')]);
    expect((await findEndpoint(context.database, 'acme'))?.breaker).toBeUndefined();
    expect((await readdir(server.root)).filter((name) => name.startsWith('ten-'))).toHaveLength(9);
  } finally {
    await stop();
  }
}, 120_000);

it('a jump host with a wrong password is tried once, whoever is behind it; set right, all get through', async () => {
  const bastion = await startOpenSsh({ config: ['Match all', 'PasswordAuthentication yes'] });
  releases.push(() => bastion.stop());
  const jump = await anAccount('bastion', 'hop', { at: bastion });
  await setWrongPassword(jump.id);
  const { root, endpoint: source } = await aDirectory('hop', 'out');
  await writeFile(join(root, 'a.csv'), 'a;b;c');
  const runs: Id[] = [];
  for (const name of ['behind-1', 'behind-2', 'behind-3']) {
    const target = await anAccount(name, 'hop', { jump: jump.id });
    await setKey(target.id, server);
    for (let i = 0; i < 2; i++) runs.push(await aRun(`${name}-${i}`, source.id, target.id));
  }
  const stop = await startWorkers('hop', 2);
  try {
    const waiting = async () => {
      const all = await Promise.all(runs.map(runOf));
      return all.filter(({ waiting }) => waiting?.message.includes('bastion is suspended'));
    };
    await expect.poll(async () => (await waiting()).length, { timeout: 30_000, interval: 50 }).toBe(5);
    await expect.poll(() => bastion.log()).toContain('Failed password');
    expect(bastion.log().match(/Failed password/g)).toHaveLength(1);
    for (const name of ['behind-1', 'behind-2', 'behind-3'])
      expect((await findEndpoint(context.database, name))?.breaker?.state).not.toBe('open');

    await setKey(jump.id, bastion);
    const states = async () => (await Promise.all(runs.map(runOf))).map(({ state }) => state).sort();
    await expect
      .poll(states, { timeout: 60_000, interval: 100 })
      .toEqual(['failed', ...Array(5).fill('succeeded')]);
    expect((await findEndpoint(context.database, 'bastion'))?.breaker).toBeUndefined();
  } finally {
    await stop();
  }
}, 120_000);

it('a running transfer slows down, is handed back when maintenance begins, and continues after it', async () => {
  const { root, endpoint: source } = await aDirectory('pause', 'out', {
    bandwidth: [{ bytesPerSecond: 256 * KiB }],
  });
  const target = await anAccount('pause-in', 'pause');
  await setKey(target.id, server);
  await writeFile(join(root, 'large.bin'), randomBytes(64 * KiB * KiB));
  const runId = await aRun('pause', source.id, target.id);
  const stop = await startWorkers('pause', 1);
  try {
    const deliveries = async () => (await listDeliveries(context.database, { limit: 5 }, { runId })).items;
    await expect.poll(async () => (await deliveries())[0]?.state, { timeout: 20_000 }).toBe('moving');
    const limits = {
      bandwidth: [{ bytesPerSecond: 8_192 * KiB }],
      maintenance: [{ startsAt: '2020-01-01T00:00:00Z', endsAt: '2999-01-01T00:00:00Z' }],
    };
    // Faster first, so that there is a checkpoint to continue from; then never again, as far as it can tell.
    await updateEndpoint(context, source.id, { limits: { bandwidth: limits.bandwidth } });
    await expect
      .poll(async () => (await deliveries())[0]?.checkpoint?.bytes ?? 0, { timeout: 20_000, interval: 20 })
      .toBeGreaterThan(0);
    await updateEndpoint(context, source.id, { limits });
    await expect
      .poll(async () => (await runOf(runId)).waiting?.reason, { timeout: 20_000 })
      .toBe('maintenance');
    expect(await runOf(runId)).toMatchObject({ state: 'queued', attemptsUsed: 0 });
    expect((await listAttempts(context.database, runId)).map(({ state }) => state)).toEqual(['handed-back']);

    await updateEndpoint(context, source.id, { limits: {} });
    await expect.poll(async () => (await runOf(runId)).state, { timeout: 30_000 }).toBe('succeeded');
    const [delivery] = await deliveries();
    expect(delivery).toMatchObject({ state: 'delivered' });
    expect(delivery?.resumedFrom).toBeGreaterThan(0);
  } finally {
    await stop();
  }
}, 120_000);

it('two workers share a bandwidth: within a beat of a newcomer the sum is what is allowed, and a killed one gives its share back', async () => {
  const rate = 256 * KiB;
  const clock = handClock();
  const { root, endpoint: source } = await aDirectory('two', 'out', {
    bandwidth: [{ bytesPerSecond: rate }],
  });
  const target = await anAccount('two-in', 'two');
  await writeFile(join(root, 'large.bin'), randomBytes(16 * KiB * KiB));
  const counted = { bytes: 0 };

  /** What a worker does, as far as bandwidth goes; its heart beats when the test says so. */
  const begin = async (name: string) => {
    const workerId = newId();
    await registerWorker(context.database, {
      ...{ id: workerId, name, pools: ['two'], host: 'localhost', pid: 1, concurrency: 4 },
    });
    const runId = await aRun(`two-${name}`, source.id, target.id);
    const claim: Claim = await claimRun(context, { runId, epoch: 1, workerId, leaseMs: 60_000 });
    if (claim.kind !== 'claimed') return expect.unreachable(`the run was ${claim.kind}`);
    const shares = new EndpointShares(claim.shares, new Date(), () => new Throttle(clock));
    const killed = new AbortController();
    const local = await openLocalEndpoint({ root });
    releases.push(async () => await local[Symbol.asyncDispose]());
    const throttle = shares.throttleOf(source.id);
    const reading = (async () => {
      for await (const chunk of throttled(local, throttle).read(parsePath('large.bin'), {
        signal: killed.signal,
      }))
        counted.bytes += chunk.length;
    })().catch(() => {});
    const beat = async () =>
      shares.divide((await renewLease(context.database, claim.fence, 60_000)).shares, new Date());
    releases.push(async () => {
      killed.abort();
      await reading;
    });
    return { runId, beat, kill: () => killed.abort() };
  };
  let lanes = 0;
  const bytesIn = async (seconds: number) => {
    const before = counted.bytes;
    for (let i = 0; i < seconds * 20; i++) {
      // Files are read on threads, which no clock of ours can hurry: until each lane waits for its throttle.
      while (clock.pending < lanes) await sleep(1);
      await clock.forward(50);
    }
    return counted.bytes - before;
  };
  const pieces = 2 * 64 * KiB;

  const first = await begin('first');
  lanes = 1;
  expect(await bytesIn(4)).toBeLessThanOrEqual(4 * rate + pieces);
  const second = await begin('second');
  lanes = 2;
  // Until the first one's heart beats, it still takes all that it had.
  expect(await bytesIn(2)).toBeLessThanOrEqual(2 * 1.5 * rate + pieces);
  await first.beat();
  const together = await bytesIn(6);
  expect(together).toBeLessThanOrEqual(6 * rate + pieces);
  expect(together).toBeGreaterThan(6 * rate * 0.75);

  first.kill();
  lanes = 1;
  const halved = await bytesIn(4);
  expect(halved).toBeLessThanOrEqual(2 * rate + pieces);
  await context.database.prisma.$executeRaw`
    update run set lease_until = now() - interval '1 second' where id = ${first.runId}::uuid`;
  await second.beat();
  expect(await bytesIn(4)).toBeGreaterThan(halved * 1.5);
}, 120_000);
