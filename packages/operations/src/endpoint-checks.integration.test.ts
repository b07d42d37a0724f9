import {
  type Endpoint,
  findEndpoint,
  findEndpointCheck,
  listAuditEvents,
  listEndpointChecks,
} from '@waybill/db';
import {
  type EndpointProfile,
  type EndpointSettings,
  newId,
  type ProbeReport,
  parsePath,
} from '@waybill/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckClaim, claimCheck } from './claim-check.js';
import { createEndpoint, updateEndpoint } from './define-endpoint.js';
import { expireChecks } from './expire-checks.js';
import { finishCheck } from './finish-check.js';
import { requestCheck } from './request-check.js';
import { requestDryRun, requestExplanation } from './request-dry-run.js';
import {
  eventsOf,
  makeTransfer,
  openTestContext,
  sftpSettings,
  type TestContext,
} from './testing/exchange.js';
import { heartbeatWorker, registerWorker, stopWorker } from './workers.js';

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());

const profile = { probedAt: '2026-03-01T06:00:00.000Z', software: 'OpenSSH_9.2p1' } as EndpointProfile;
const step = { name: 'connect', outcome: 'passed', detail: 'connected', tookMs: 12 } as const;
const passed: ProbeReport = { steps: [step], profile, proposals: [] };

/** An SFTP endpoint in a pool of its own, so that no other test's worker takes its checks. */
async function makeEndpoint(): Promise<Endpoint> {
  const name = `e-${newId()}`;
  return await createEndpoint(context, { name, settings: sftpSettings, pool: name.slice(0, 30) });
}

async function makeWorker(pool: string): Promise<{ workerId: string; pools: string[] }> {
  const values = { name: 'w-1', pools: [pool], host: 'localhost', pid: 1, concurrency: 2 };
  const { id } = await registerWorker(context.database, { id: newId(), ...values });
  return { workerId: id, pools: [pool] };
}

async function claimed(endpoint: Endpoint): Promise<CheckClaim> {
  await requestCheck(context, endpoint.name, 'probe');
  const claim = await claimCheck(context, await makeWorker(endpoint.pool));
  return claim ?? expect.unreachable('there was no check to claim');
}

async function check(id: string) {
  return (await findEndpointCheck(context.database, id)) ?? expect.unreachable(`there is no check ${id}`);
}

/** As when it was asked for, or begun, so long ago. */
async function age(id: string, seconds: number): Promise<void> {
  await context.database.prisma.$executeRaw`
    update endpoint_check set created_at = created_at - ${seconds} * interval '1 second',
      started_at = started_at - ${seconds} * interval '1 second' where id = ${id}::uuid`;
}

async function expire(): Promise<string[]> {
  return await expireChecks(context, { limit: 100 });
}

describe('asking for a check', () => {
  it('makes one open check of a kind, however many ask at once', async () => {
    const endpoint = await makeEndpoint();
    const asked = await Promise.all(
      Array.from({ length: 8 }, () => requestCheck(context, endpoint.name, 'probe')),
    );
    expect(new Set(asked.map(({ check }) => check.id)).size).toBe(1);
    expect(asked.filter(({ created }) => created)).toHaveLength(1);
    expect(asked[0]?.check).toMatchObject({ state: 'queued', pool: endpoint.pool, requestedBy: 'test' });
    const scan = await requestCheck(context, endpoint.id, 'host-key-scan');
    expect(scan.created).toBe(true);
    expect(await eventsOf(context.database, endpoint.id)).toEqual([
      'endpoint.created',
      'endpoint-check.requested',
      'endpoint-check.requested',
    ]);
  });

  it('makes another one once the first is over', async () => {
    const endpoint = await makeEndpoint();
    const claim = await claimed(endpoint);
    await finishCheck(context, claim, { report: { kind: 'probe', ...passed } });
    const again = await requestCheck(context, endpoint.name, 'probe');
    expect(again).toMatchObject({ created: true, check: { state: 'queued' } });
    expect(again.check.id).not.toBe(claim.check.id);
  });

  it('refuses every check of a bucket', async () => {
    const settings: EndpointSettings = {
      ...{ kind: 's3', region: 'eu-central-1', bucket: 'exchange', root: '', pathStyle: false },
      ...{ allowPlainHttp: false, connectTimeoutMs: 20_000, operationTimeoutMs: 30_000 },
    };
    const { name } = await createEndpoint(context, { name: `b-${newId()}`, settings });
    for (const kind of ['probe', 'host-key-scan'] as const)
      await expect(requestCheck(context, name, kind)).rejects.toMatchObject({
        code: 'invalid',
        field: '/kind',
      });
  });

  it('refuses a host key scan of a directory, and a check of nothing', async () => {
    const local = { kind: 'local', root: '/srv/in' } as const;
    const { name } = await createEndpoint(context, { name: `l-${newId()}`, settings: local });
    await expect(requestCheck(context, name, 'host-key-scan')).rejects.toMatchObject({
      code: 'invalid',
      field: '/kind',
    });
    await expect(requestCheck(context, 'nothing', 'probe')).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('asking what a run would do', () => {
  const path = parsePath('a.csv');

  it('makes one open dry run of a transfer', async () => {
    const [one, other] = [await makeTransfer(context), await makeTransfer(context)];
    const asked = await Promise.all([one, one, one, other].map(({ name }) => requestDryRun(context, name)));
    expect(new Set(asked.map(({ check }) => check.id)).size).toBe(2);
    expect(asked[0]?.check).toMatchObject({
      ...{ kind: 'dry-run', state: 'queued', pool: 'default', path: undefined },
      ...{ transfer: { id: one.id, name: one.name }, endpointId: one.definition.source.endpointId },
    });
    await expect(requestDryRun(context, 'nothing')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('makes one open explanation of a file, of all transfers or of one', async () => {
    const { id, definition, name } = await makeTransfer(context);
    const endpoint = definition.source.endpointId;
    const all = await requestExplanation(context, { endpoint, path });
    const again = await requestExplanation(context, { endpoint, path });
    expect(again).toMatchObject({ created: false, check: { id: all.check.id, transfer: undefined, path } });
    const long = parsePath(`${'d/'.repeat(1_500)}a`);
    const named = await requestExplanation(context, { endpoint, path: long, transfer: name });
    expect(named).toMatchObject({ created: true, check: { transfer: { id, name }, path: long } });
    const audit = await listAuditEvents(context.database, { limit: 1 }, { subjectId: endpoint });
    expect(JSON.parse(audit.items[0]?.data ?? '')).toMatchObject({ transfer: name, path: long });
  });

  it('says which directories are read where nobody reads that of the file', async () => {
    const { definition, name } = await makeTransfer(context);
    const endpoint = definition.source.endpointId;
    await expect(
      requestExplanation(context, { endpoint, path: parsePath('deep/a.csv') }),
    ).rejects.toMatchObject({ code: 'invalid', field: '/path', message: expect.stringContaining('read ""') });
    const stranger = await makeTransfer(context);
    await expect(
      requestExplanation(context, { endpoint, path, transfer: stranger.name }),
    ).rejects.toMatchObject({ code: 'invalid', field: '/transferId' });
    await expect(requestExplanation(context, { endpoint: 'nothing', path })).rejects.toMatchObject({
      code: 'not-found',
    });
    const target = definition.target.endpointId;
    await expect(requestExplanation(context, { endpoint: target, path })).rejects.toThrow(
      `no transfer reads from endpoint ${name}-target`,
    );
  });

  it('does not list them with the checks of the endpoint', async () => {
    const { definition, name } = await makeTransfer(context);
    const { endpointId } = definition.source;
    await requestDryRun(context, name);
    const { check: probe } = await requestCheck(context, endpointId, 'probe');
    const { items } = await listEndpointChecks(context.database, { limit: 10 }, { endpointId });
    expect(items.map(({ id }) => id)).toEqual([probe.id]);
  });
});

describe('claiming a check', () => {
  it('gives it to one of many workers that look at once', async () => {
    const { name, pool } = await makeEndpoint();
    const { check: queued } = await requestCheck(context, name, 'probe');
    const workers = await Promise.all(Array.from({ length: 6 }, () => makeWorker(pool)));
    const claims = await Promise.all(workers.map((worker) => claimCheck(context, worker)));
    const taken = claims.filter((claim) => claim !== undefined);
    expect(taken.map(({ check, endpoint }) => [check.id, check.state, endpoint.name])).toEqual([
      [queued.id, 'running', name],
    ]);
  });

  it('leaves the checks of other pools alone', async () => {
    const { name } = await makeEndpoint();
    const { check: queued } = await requestCheck(context, name, 'probe');
    expect(await claimCheck(context, await makeWorker('elsewhere'))).toBeUndefined();
    expect(await check(queued.id)).toMatchObject({ state: 'queued', worker: undefined });
  });
});

describe('ending a check', () => {
  it('writes report, profile and events together', async () => {
    const endpoint = await makeEndpoint();
    const claim = await claimed(endpoint);
    expect(await finishCheck(context, claim, { report: { kind: 'probe', ...passed } })).toBe(true);
    expect(await check(claim.check.id)).toMatchObject({
      state: 'succeeded',
      report: { kind: 'probe', steps: [step] },
      failure: undefined,
      worker: { name: 'w-1' },
    });
    expect(await findEndpoint(context.database, endpoint.id)).toMatchObject({
      profile,
      profiledAt: expect.any(Date),
      updatedAt: endpoint.updatedAt,
    });
    expect((await eventsOf(context.database, endpoint.id)).slice(1)).toEqual([
      'endpoint-check.requested',
      'endpoint-check.started',
      'endpoint-check.succeeded',
    ]);
  });

  it('is failed where a step of its report failed, and keeps secrets and NUL out of the record', async () => {
    const endpoint = await makeEndpoint();
    const claim = await claimed(endpoint);
    const detail = 'the server said "no\0 password=hunter2"';
    const failed = { name: 'write', outcome: 'failed', detail, tookMs: 3 } as const;
    await finishCheck(context, claim, { report: { kind: 'probe', ...passed, steps: [step, failed] } });
    const after = await check(claim.check.id);
    expect(after).toMatchObject({ state: 'failed', failure: undefined });
    expect(JSON.stringify(after.report)).not.toMatch(/hunter2|\\u0000/);
    const page = await listAuditEvents(context.database, { limit: 1 }, { subjectId: endpoint.id });
    expect(page.items[0]).toMatchObject({ type: 'endpoint-check.failed' });
    expect(page.items[0]?.data).toContain('write: the server said');
    expect(page.items[0]?.data).not.toContain('hunter2');
  });

  it('keeps no profile of a place that the endpoint no longer is', async () => {
    const endpoint = await makeEndpoint();
    const claim = await claimed(endpoint);
    await updateEndpoint(context, endpoint.id, { settings: { ...sftpSettings, host: 'new.example.com' } });
    await finishCheck(context, claim, { report: { kind: 'probe', ...passed } });
    expect(await findEndpoint(context.database, endpoint.id)).toMatchObject({ profile: undefined });
  });

  it('drops the profile with a move to another place, and with nothing less', async () => {
    const endpoint = await makeEndpoint();
    await finishCheck(context, await claimed(endpoint), { report: { kind: 'probe', ...passed } });
    const slower = { ...sftpSettings, operationTimeoutMs: 60_000 };
    expect(await updateEndpoint(context, endpoint.id, { settings: slower, pool: 'dmz' })).toMatchObject({
      profile,
    });
    expect(
      await updateEndpoint(context, endpoint.id, { settings: { ...slower, username: 'other' } }),
    ).toMatchObject({ profile: undefined, profiledAt: undefined });
  });

  it('writes nothing for a worker that was given up for lost', async () => {
    const endpoint = await makeEndpoint();
    const claim = await claimed(endpoint);
    await stopWorker(context.database, claim.check.worker?.id ?? '');
    expect(await expire()).toEqual([claim.check.id]);
    const late = await finishCheck(context, claim, { report: { kind: 'probe', ...passed } });
    expect(late).toBe(false);
    expect(await check(claim.check.id)).toMatchObject({ state: 'failed', failure: { code: 'attempt-lost' } });
    expect(await findEndpoint(context.database, endpoint.id)).toMatchObject({ profile: undefined });
  });
});

describe('giving checks up', () => {
  it('leaves alone what was just asked for, and what a living worker carries out', async () => {
    await requestCheck(context, (await makeEndpoint()).name, 'probe');
    await claimed(await makeEndpoint());
    expect(await expire()).toEqual([]);
  });

  it('says which pool has no worker', async () => {
    const { name, pool } = await makeEndpoint();
    const { check: queued } = await requestCheck(context, name, 'host-key-scan');
    await age(queued.id, 21);
    expect(await expire()).toEqual([queued.id]);
    const { state, failure } = await check(queued.id);
    expect({ state, code: failure?.code }).toEqual({ state: 'failed', code: 'misconfigured' });
    expect(failure?.message).toContain(`no worker of pool "${pool}" is running`);
    expect(failure?.message).toContain(`WAYBILL_POOLS=${pool}`);
  });

  it('waits longer while a worker of the pool lives, but not for ever', async () => {
    const { name, pool } = await makeEndpoint();
    await makeWorker(pool);
    const { check: queued } = await requestCheck(context, name, 'probe');
    await age(queued.id, 30);
    expect(await expire()).toEqual([]);
    await age(queued.id, 600);
    const { workerId } = await makeWorker(pool);
    await heartbeatWorker(context.database, workerId);
    expect(await expire()).toEqual([queued.id]);
    expect((await check(queued.id)).failure).toMatchObject({ code: 'timed-out' });
  });

  it('notices a worker that fell silent, and one that lives but does not end', async () => {
    const silent = await claimed(await makeEndpoint());
    await context.database.prisma.$executeRaw`
      update worker set heartbeat_at = now() - interval '46 seconds' where id = ${silent.check.worker?.id}::uuid`;
    const stuck = await claimed(await makeEndpoint());
    await age(stuck.check.id, 241);
    expect(new Set(await expire())).toEqual(new Set([silent.check.id, stuck.check.id]));
    expect((await check(silent.check.id)).failure?.message).toContain('worker w-1 stopped reporting');
    expect((await check(stuck.check.id)).failure?.message).toContain('within 4 minutes');
  });

  it('of several schedulers that look at once, one gives a check up', async () => {
    const { check: queued } = await requestCheck(context, (await makeEndpoint()).name, 'probe');
    await age(queued.id, 21);
    const expired = await Promise.all(Array.from({ length: 4 }, expire));
    expect(expired.flat()).toEqual([queued.id]);
  });
});
