import type { Run, RunEvent } from '@waybill/contract';
import { type Fence, listDeliveries, markCommitting, markDelivered, selectDeliveries } from '@waybill/db';
import { failureKind, newId, parsePath } from '@waybill/domain';
import { claimRun, finishAttempt, publishOutbox, registerWorker } from '@waybill/operations';
import { openQueueSystem, type QueueSystem } from '@waybill/queue';
import { verifySignature } from '@waybill/secrets';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LOCAL, SFTP, startTestApi, type TestApi } from './testing/test-api.js';

let queueSystem: QueueSystem;
let api: TestApi;
let workerId: string;
const SHA256 = 'a'.repeat(64);

beforeAll(async () => {
  api = await startTestApi({
    async more(databaseUrl) {
      queueSystem = await openQueueSystem({ databaseUrl }, { log: () => {} });
      return { queue: queueSystem.queue, signals: queueSystem.signals };
    },
  });
  const { client, database } = api;
  await client.call('createEndpoint', { body: { name: 'there', settings: SFTP } });
  await client.call('createEndpoint', { body: { name: 'here', settings: LOCAL } });
  const place = (endpointId: string) => ({ endpointId, directory: '' });
  const definition = { source: place('there'), target: place('here') };
  await client.call('createTransfer', { body: { name: 'statements', definition } });
  await client.call('createTransfer', { body: { name: 'reports', definition } });
  const values = { name: 'w1', pools: ['default'], host: 'h', pid: 1, concurrency: 1 };
  workerId = (await registerWorker(database, { id: newId(), ...values })).id;
});
afterAll(async () => {
  await queueSystem.close();
  await api[Symbol.asyncDispose]();
});

const worker = () => ({ database: api.database, actor: { kind: 'worker', name: 'w1' } as const });
const trigger = (id = 'statements', key?: string) =>
  api.client.call('triggerRun', { params: { id }, ...(key ? { headers: { 'Idempotency-Key': key } } : {}) });

/** What a worker does with a run: begins, moves one file, ends. */
async function begin({ id: runId, epoch }: Run): Promise<Fence> {
  const claim = await claimRun(worker(), { runId, epoch, workerId, leaseMs: 60_000 });
  if (claim.kind !== 'claimed') throw new Error(`the run was ${claim.kind}`);
  return claim.fence;
}

async function deliver(fence: Fence, name: string): Promise<void> {
  const { database } = api;
  const file = { sourcePath: name, targetPath: name, size: 5, sourceModifiedAt: new Date() };
  await selectDeliveries(database, fence, [file]);
  const { items } = await listDeliveries(database, { limit: 10 }, { runId: fence.runId });
  const placed = { bytes: 5, sha256: SHA256, assurance: 'size', targetPath: parsePath(name) } as const;
  for (const { id } of items) {
    await markCommitting(database, fence, id, placed);
    await markDelivered(database, fence, id, placed);
  }
}

it('a run held for a host key goes on, and is dispatched, as soon as the key is pinned', async () => {
  const run = await trigger();
  const failure = { code: 'host-key-unknown', message: 'offered SHA256:x' } as const;
  await finishAttempt(worker(), await begin(run), { kind: 'hold', failure });
  const params = { id: run.id };
  expect(await api.client.call('getRun', { params })).toMatchObject({ state: 'held' });
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt';
  await api.client.call('addHostKey', { params: { id: 'there' }, body: { key } });
  expect(await api.client.call('getRun', { params })).toMatchObject({ state: 'queued', failure: null });
  await vi.waitFor(async () => {
    const [row] = await api.database.prisma.$queryRaw<{ told: boolean }[]>`
      select enqueued_at is not null as told from run where id = ${run.id}::uuid`;
    expect(row?.told).toBe(true);
  });
  await api.client.call('cancelRun', { params });
});

describe('triggering a run', () => {
  it('makes a queued run of the current version, and tells the queue at once', async () => {
    const run = await trigger();
    expect(run).toMatchObject({
      transferName: 'statements',
      version: 1,
      state: 'queued',
      trigger: 'request',
    });
    await vi.waitFor(async () =>
      expect(await queueSystem.queue.knows({ runId: run.id, epoch: run.epoch }, run.pool)).toBe(true),
    );
  });

  it('with the same key again answers 200 with the same run, also when asked twenty times at once', async () => {
    const headers = { authorization: `Bearer ${api.adminKey}`, 'idempotency-key': 'k1' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.request('POST', '/api/v1/transfers/statements/runs', { headers })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 201]);
    const runs = (await Promise.all(answers.map((answer) => answer.json()))) as Run[];
    expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
    const other = await trigger('reports', 'k1');
    expect(other.id).not.toBe(runs[0]?.id);
  });

  it('with a key that another caller has used is a conflict', async () => {
    await trigger('statements', 'mine');
    const key = await api.makeKey('operator', ['operate']);
    const headers = { authorization: `Bearer ${key}`, 'idempotency-key': 'mine' };
    const response = await api.request('POST', '/api/v1/transfers/statements/runs', { headers });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'conflict' });
  });

  it('of a disabled transfer is refused', async () => {
    const params = { id: 'reports' };
    await api.client.call('updateTransfer', { params, body: { enabled: false } });
    const problem = await api.refusal('POST', '/api/v1/transfers/reports/runs', {});
    expect(problem).toMatchObject({ status: 409, code: 'state-conflict' });
    await api.client.call('updateTransfer', { params, body: { enabled: true } });
  });
});

describe('a run', () => {
  it('shows its deliveries, its attempts and, once it has ended, its signed receipt', async () => {
    const { client } = api;
    const run = await trigger();
    const params = { id: run.id };
    const early = await api.refusal('GET', `/api/v1/runs/${run.id}/receipt`);
    expect(early).toMatchObject({ status: 409, code: 'state-conflict' });

    const fence = await begin(run);
    await deliver(fence, 'a.csv');
    await finishAttempt(worker(), fence, { kind: 'done', state: 'succeeded' });

    const ended = await client.call('getRun', { params });
    expect(ended).toMatchObject({
      state: 'succeeded',
      files: { selected: 1, delivered: 1, failed: 0, skipped: 0 },
      bytesMoved: 5,
      failure: null,
    });
    const deliveries = await client.call('listDeliveries', { params, query: { state: 'delivered' } });
    expect(deliveries.items).toMatchObject([{ sourcePath: 'a.csv', sha256: SHA256, assurance: 'size' }]);
    const attempts = await client.call('listAttempts', { params });
    expect(attempts.items).toMatchObject([{ workerId, workerName: 'w1', state: 'succeeded' }]);

    const { sha256, signature, receipt } = await client.call('getReceipt', { params });
    expect(receipt).toMatchObject({ run: { id: run.id }, deliveries: [{ sourcePath: 'a.csv', size: 5 }] });
    const query = { type: 'run.succeeded', subjectId: run.id };
    const { items } = await client.call('listAuditEvents', { query });
    expect(items).toMatchObject([{ data: { receiptSha256: sha256 } }]);
    expect(verifySignature(Buffer.from(JSON.stringify(sorted(receipt))), signature)).toBe(true);
  });

  it('is cancelled while it waits, and sent back to the queue', async () => {
    const { client } = api;
    const run = await trigger();
    const params = { id: run.id };
    expect(await client.call('cancelRun', { params })).toMatchObject({ state: 'cancelled' });
    const again = await client.call('retryRun', { params });
    expect(again).toMatchObject({ state: 'queued' });
    expect(again.epoch).toBeGreaterThan(run.epoch);
    expect(await api.refusal('POST', `/api/v1/runs/${run.id}/retry`, {})).toMatchObject({
      status: 409,
      code: 'state-conflict',
    });
  });

  it('is listed by transfer, state and time, newest first and page by page', async () => {
    const { client } = api;
    const since = new Date().toISOString();
    const made: string[] = [];
    for (let n = 0; n < 3; n++) made.unshift((await trigger('reports')).id);
    await client.call('cancelRun', { params: { id: made[1] ?? '' } });
    const query = { transfer: 'reports', since, limit: 2 };
    const first = await client.call('listRuns', { query });
    const second = await client.call('listRuns', { query: { ...query, cursor: first.nextCursor ?? '' } });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(made);
    expect(second.nextCursor).toBeNull();
    const cancelled = await client.call('listRuns', { query: { ...query, state: 'cancelled' } });
    expect(cancelled.items.map(({ id }) => id)).toEqual([made[1]]);
    expect((await client.call('listRuns', { query: { ...query, until: since } })).items).toEqual([]);
  });
});

describe('a failure', () => {
  it('says whose turn it is and what to do, of the run, its attempt and its file', async () => {
    const run = await trigger();
    const fence = await begin(run);
    const failure = { code: 'permission-denied', message: '/srv/exchange', owner: 'us' } as const;
    const file = { sourcePath: 'a', targetPath: 'a', size: 1, sourceModifiedAt: undefined };
    await selectDeliveries(api.database, fence, [
      { ...file, failure },
      { ...file, sourcePath: 'b', failure: { code: 'permission-denied', message: '/inbox' } },
    ]);
    await finishAttempt(worker(), fence, { kind: 'give-up', failure });
    const params = { id: run.id };
    const { remedy } = failureKind('permission-denied');
    const shown = { ...failure, remedy };
    expect((await api.client.call('getRun', { params })).failure).toEqual(shown);
    expect((await api.client.call('listAttempts', { params })).items[0]?.failure).toEqual(shown);
    const files = (await api.client.call('listDeliveries', { params, query: {} })).items;
    expect(files.map((each) => each.failure)).toEqual([
      shown,
      { code: 'permission-denied', message: '/inbox', owner: 'partner', remedy },
    ]);
  });
});

describe('following a run', () => {
  const publish = () => publishOutbox({ database: api.database, signals: queueSystem.signals });
  const progress = {
    files: { selected: 1, delivered: 0, failed: 0, skipped: 0 },
    bytesSelected: 5,
    bytesMoved: 3,
    moving: [{ sourcePath: 'a.csv', size: 5, bytes: 3 }],
  };

  it('shows how it is, how it moves and how it changes, and ends with it', async () => {
    const run = await trigger();
    const events: RunEvent[] = [];
    const following = (async () => {
      for await (const event of api.client.watchRun(run.id)) events.push(event);
    })();
    await vi.waitFor(() => expect(events).toHaveLength(1));
    expect(events[0]).toEqual({ event: 'snapshot', data: run });

    const fence = await begin(run);
    await publish();
    await vi.waitFor(
      () => expect(events.at(-1)).toMatchObject({ event: 'state', data: { state: 'running' } }),
      5_000,
    );
    await vi.waitFor(async () => {
      await queueSystem.signals.publish(`runs.${run.id}.progress`, progress);
      expect(events).toContainEqual({ event: 'progress', data: progress });
    }, 5_000);

    await finishAttempt(worker(), fence, { kind: 'done', state: 'succeeded' });
    await publish();
    await following;
    expect(events.at(-1)).toMatchObject({ event: 'state', data: { state: 'succeeded' } });
  });

  it('tells that a run is running before it tells of its progress, even if the progress is heard of first', async () => {
    const run = await trigger('reports');
    const events: RunEvent[] = [];
    const leaving = new AbortController();
    const following = (async () => {
      for await (const event of api.client.watchRun(run.id, { signal: leaving.signal })) events.push(event);
    })().catch(() => {});
    await vi.waitFor(() => expect(events).toHaveLength(1));
    const fence = await begin(run);
    await queueSystem.signals.publish(`runs.${run.id}.progress`, progress);
    await vi.waitFor(() => expect(events).toHaveLength(3), 5_000);
    expect(events.slice(1)).toMatchObject([
      { event: 'state', data: { state: 'running' } },
      { event: 'progress' },
    ]);
    leaving.abort();
    await following;
    await finishAttempt(worker(), fence, { kind: 'done', state: 'succeeded' });
  });

  it('needs no signal: what was missed is read from the record', async () => {
    const run = await trigger();
    const events: RunEvent[] = [];
    const following = (async () => {
      for await (const event of api.client.watchRun(run.id)) events.push(event);
    })();
    await vi.waitFor(() => expect(events).toHaveLength(1));
    await api.database.prisma.run.update({
      where: { id: run.id },
      data: { state: 'failed', failureCode: 'timed-out', failureMessage: 'late', finishedAt: new Date() },
    });
    await following;
    expect(events.at(-1)).toMatchObject({
      event: 'state',
      data: { state: 'failed', failure: { code: 'timed-out', owner: 'network' } },
    });
  });

  it('is over at once for a run that has ended, with its state', async () => {
    const run = await trigger();
    await api.client.call('cancelRun', { params: { id: run.id } });
    const events: RunEvent[] = [];
    for await (const event of api.client.watchRun(run.id)) events.push(event);
    expect(events).toMatchObject([{ event: 'snapshot', data: { state: 'cancelled' } }]);
  });

  it('stops when the listener goes, and does not keep the service from closing', async () => {
    const other = await startTestApi();
    const { client } = other;
    await client.call('createEndpoint', { body: { name: 'there', settings: SFTP } });
    await client.call('createEndpoint', { body: { name: 'here', settings: LOCAL } });
    const place = (endpointId: string) => ({ endpointId, directory: '' });
    const body = { name: 't', definition: { source: place('there'), target: place('here') } };
    await client.call('createTransfer', { body });
    const run = await client.call('triggerRun', { params: { id: 't' } });

    const leaving = new AbortController();
    const left = (async () => {
      for await (const _ of client.watchRun(run.id, { signal: leaving.signal })) leaving.abort();
    })();
    await expect(left).rejects.toThrow('aborted');

    const seen: RunEvent[] = [];
    const staying = (async () => {
      for await (const event of client.watchRun(run.id)) seen.push(event);
    })();
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    await other[Symbol.asyncDispose]();
    await staying;
    expect(seen).toMatchObject([{ event: 'snapshot' }]);
  });
});

describe('the audit log', () => {
  it('shows each event with a sentence, and is found by subject and actor', async () => {
    const { client } = api;
    const partner = await client.call('createPartner', { body: { name: 'audited' } });
    const { items } = await client.call('listAuditEvents', { query: { subjectId: partner.id } });
    expect(items).toMatchObject([
      {
        type: 'partner.created',
        actor: { kind: 'api-key', name: 'admin' },
        description: 'admin created partner audited',
      },
    ]);
    const [event] = items;
    expect(await client.call('getAuditEvent', { params: { id: event?.id ?? '' } })).toEqual(event);
    const actorId = event?.actor.id ?? '';
    const byActor = await client.call('listAuditEvents', { query: { actorId, type: 'partner.created' } });
    expect(byActor.items).toEqual(items);
  });

  it('is intact, until somebody alters a row; it stays readable then', async () => {
    const { client, database } = api;
    const before = await client.call('verifyAuditEvents');
    expect(before).toMatchObject({ intact: true, headSeq: before.count });
    const { items } = await client.call('listAuditEvents', { query: { limit: 1 } });
    const seq = items[0]?.seq ?? 0;
    await database.prisma.$executeRawUnsafe('alter table audit_event disable trigger all');
    await database.prisma.auditEvent.update({ where: { seq: BigInt(seq) }, data: { data: 'not { json' } });
    expect(await client.call('verifyAuditEvents')).toMatchObject({
      intact: false,
      problem: { kind: 'altered', seq, eventId: items[0]?.id },
    });
    const after = await client.call('listAuditEvents', { query: { limit: 1 } });
    expect(after.items).toMatchObject([{ seq, data: { unreadable: 'not { json' } }]);
  });
});

it('lists workers, and those alone that are alive', async () => {
  const { client, database } = api;
  expect((await client.call('listWorkers')).items).toMatchObject([
    { id: workerId, name: 'w1', stoppedAt: null },
  ]);
  await database.prisma.worker.update({ where: { id: workerId }, data: { heartbeatAt: new Date(0) } });
  expect((await client.call('listWorkers', { query: { active: 'true' } })).items).toEqual([]);
});

it('is ready when database and queue answer', async () => {
  const response = await fetch(`${api.url}/readyz`);
  expect([response.status, await response.json()]).toEqual([
    200,
    { status: 'ready', checks: { database: 'ok', queue: 'ok' } },
  ]);
});

/** Members in the order of their names, at every depth: canonical JSON of values such as a receipt's. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, sorted(member)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
