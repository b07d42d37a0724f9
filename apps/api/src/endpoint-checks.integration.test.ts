import { newId } from '@waybill/domain';
import { announceCheckOver, claimCheck, finishCheck, registerWorker } from '@waybill/operations';
import { openQueueSystem, type QueueSystem } from '@waybill/queue';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LOCAL, SFTP, startTestApi, type TestApi } from './testing/test-api.js';

let api: TestApi;
let queue: QueueSystem;
beforeAll(async () => {
  api = await startTestApi({
    more: async (databaseUrl) => {
      queue = await openQueueSystem({ databaseUrl }, { log: () => {} });
      return { queue: queue.queue, signals: queue.signals };
    },
  });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await queue.close();
});

const step = { name: 'open', outcome: 'passed', detail: 'it is there', tookMs: 1 } as const;
const report = { kind: 'probe', steps: [step], profile: null, proposals: [] } as const;

async function makeEndpoint(settings: typeof SFTP | typeof LOCAL = SFTP): Promise<string> {
  const name = `e-${newId()}`;
  await api.client.call('createEndpoint', { body: { name, settings, pool: name.slice(0, 30) } });
  return name;
}

const request = (id: string, kind: 'probe' | 'host-key-scan' = 'probe') =>
  api.client.call('requestEndpointCheck', { params: { id }, body: { kind } });

/** Does what a worker does, with this report at its end. */
async function carryOut(pool: string): Promise<void> {
  const workerId = newId();
  const worker = { id: workerId, name: 'w-1', pools: [pool], host: 'localhost', pid: 1, concurrency: 1 };
  await registerWorker(api.database, worker);
  const context = { database: api.database, actor: { kind: 'worker', id: workerId, name: 'w-1' } } as const;
  const claim = await claimCheck(context, { workerId, pools: [pool] });
  if (!claim) throw new Error(`there is no check in pool ${pool}`);
  await finishCheck(context, claim, { report });
  await announceCheckOver(queue.signals, claim.check);
}

it('answers with the open check when it is asked for again', async () => {
  const name = await makeEndpoint();
  const first = await request(name);
  expect(first).toMatchObject({ state: 'queued', endpointName: name, requestedBy: 'admin', report: null });
  expect((await request(name)).id).toBe(first.id);
  expect((await request(name, 'host-key-scan')).id).not.toBe(first.id);
});

it('shows a check by id and in the list of its endpoint, newest first', async () => {
  const name = await makeEndpoint();
  const first = await request(name);
  await carryOut(first.pool);
  const second = await request(name);
  const page = await api.client.call('listEndpointChecks', { params: { id: name } });
  expect(page.items.map(({ id, state }) => [id, state])).toEqual([
    [second.id, 'queued'],
    [first.id, 'succeeded'],
  ]);
  const shown = await api.client.call('getEndpointCheck', { params: { id: first.id } });
  expect(shown).toMatchObject({ state: 'succeeded', workerName: 'w-1', report });
});

it('waits for the end of a check no longer than it takes, or than it was told to', async () => {
  const check = await request(await makeEndpoint(LOCAL));
  const params = { id: check.id };
  const early = await api.client.call('getEndpointCheck', { params, query: { wait: 1 } });
  expect(early.state).toBe('queued');
  const waited = api.client.call('getEndpointCheck', { params, query: { wait: 30 } });
  await carryOut(check.pool);
  expect((await waited).state).toBe('succeeded');
});

it('answers with the dry run of a transfer, and with what is asked of one file', async () => {
  const [source, target] = [await makeEndpoint(), await makeEndpoint(LOCAL)];
  const places = {
    source: { endpointId: source, directory: 'out' },
    target: { endpointId: target, directory: '' },
  };
  const { id, name } = await api.client.call('createTransfer', {
    body: { name: `t-${newId()}`, definition: places },
  });
  const check = await api.client.call('requestDryRun', { params: { id: name } });
  expect(check).toMatchObject({
    ...{ kind: 'dry-run', state: 'queued', transferId: id, transferName: name, path: null },
    endpointName: source,
  });
  expect((await api.client.call('requestDryRun', { params: { id } })).id).toBe(check.id);
  const explanation = await api.client.call('requestExplanation', {
    params: { id: source },
    body: { path: '/out/day.csv' },
  });
  expect(explanation).toMatchObject({ kind: 'explanation', transferId: null, path: 'out/day.csv' });
  const refusal = (body: unknown) => api.refusal('POST', `/api/v1/endpoints/${source}/explanations`, body);
  expect(await refusal({ path: 'in/day.csv' })).toMatchObject({
    errors: [{ pointer: '/path', message: expect.stringContaining('those from endpoint') }],
  });
  expect(await refusal({ path: '' })).toMatchObject({ errors: [{ pointer: '/path' }] });
  expect(await refusal({ path: 'out/a', transferId: 'nobody' })).toMatchObject({ status: 404 });
});

it('lets who may operate ask, and who may only read look', async () => {
  const name = await makeEndpoint();
  const post = async (scope: 'read' | 'operate') => {
    const key = await api.makeKey(`${scope}-${newId()}`, [scope]);
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ kind: 'probe' });
    return (await api.request('POST', `/api/v1/endpoints/${name}/checks`, { headers, body })).status;
  };
  expect(await post('read')).toBe(403);
  expect(await post('operate')).toBe(202);
});

it('refuses what cannot be checked', async () => {
  const local = await makeEndpoint(LOCAL);
  const refusal = (body: unknown) => api.refusal('POST', `/api/v1/endpoints/${local}/checks`, body);
  expect(await refusal({ kind: 'host-key-scan' })).toMatchObject({
    code: 'invalid-request',
    errors: [{ pointer: '/kind', message: expect.stringContaining('has no host key') }],
  });
  expect(await refusal({ kind: 'guess' })).toMatchObject({ errors: [{ pointer: '/kind' }] });
  expect(await api.refusal('GET', `/api/v1/endpoint-checks/${newId()}`)).toMatchObject({ code: 'not-found' });
  expect(await api.refusal('GET', '/api/v1/endpoint-checks/mine')).toMatchObject({ code: 'not-found' });
});
