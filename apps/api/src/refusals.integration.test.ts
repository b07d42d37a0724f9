import { connect } from 'node:net';
import { type Route, routes } from '@waybill/contract';
import { startTcpProxy, type TcpProxy } from '@waybill/testkit/tcp-proxy';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LOCAL, readProblem, SFTP, startTestApi, type TestApi } from './testing/test-api.js';

let api: TestApi;
let rowsBefore: Record<string, number>;
const UNKNOWN_ID = '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10';
const definition = {
  source: { endpointId: 'there', directory: '' },
  target: { endpointId: 'here', directory: '' },
};

beforeAll(async () => {
  api = await startTestApi();
  await api.client.call('createEndpoint', { body: { name: 'there', settings: SFTP } });
  await api.client.call('createEndpoint', { body: { name: 'here', settings: LOCAL } });
  await api.client.call('createTransfer', { body: { name: 'standing', definition } });
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(async () => {
  rowsBefore = await api.countRows();
});

async function expectNothingWritten() {
  expect(await api.countRows()).toEqual(rowsBefore);
}

describe('a request that is wrong is refused with the place of what is wrong, and changes nothing:', () => {
  const transfer = (change: object) => ({ name: 'new', definition: { ...definition, ...change } });
  it.each<[string, string, string, unknown, string]>([
    ['an unknown field', 'POST', '/partners', { name: 'new', colour: 'red' }, '/colour'],
    ['a missing field', 'POST', '/partners', {}, '/name'],
    ['a wrong type', 'POST', '/partners', { name: 'new', title: 7 }, '/title'],
    ['a body that is no object', 'POST', '/partners', [], ''],
    ['no body', 'POST', '/partners', undefined, '/name'],
    ['a bad cron', 'POST', '/schedules', { transferId: 'standing', name: 'new', cron: 'now' }, '/cron'],
    [
      'a path with ..',
      'POST',
      '/transfers',
      transfer({ source: { endpointId: 'there', directory: 'a/../../b' } }),
      '/definition/source/directory',
    ],
    [
      'a glob that is refused',
      'POST',
      '/transfers',
      transfer({ source: { endpointId: 'there', directory: '', include: ['*', 'a/b'] } }),
      '/definition/source/include/1',
    ],
    [
      'an archive outside',
      'POST',
      '/transfers',
      transfer({ disposition: { kind: 'archive', directory: '..' } }),
      '/definition/disposition/directory',
    ],
    [
      'an unknown record',
      'POST',
      '/transfers',
      transfer({ target: { endpointId: 'x', directory: '' } }),
      '/definition/target/endpointId',
    ],
    ['an unknown field in a change', 'PATCH', '/transfers/standing', { version: 3 }, '/version'],
    ['a credential of no kind', 'PUT', '/endpoints/there/credential', { kind: 'pin', pin: '1' }, '/kind'],
    ['a body where none is taken', 'POST', '/transfers/standing/runs', { files: ['a'] }, '/files'],
    ['an unknown scope', 'POST', '/api-keys', { name: 'new', scopes: ['root'] }, '/scopes/0'],
  ])('%s', async (_, method, path, body, pointer) => {
    const problem = await api.refusal(method, `/api/v1${path}`, body);
    expect(problem).toMatchObject({ status: 422, code: 'invalid-request', errors: [{ pointer }] });
    await expectNothingWritten();
  });

  it.each([
    ['limit', '/partners?limit=0'],
    ['limit', '/partners?limit=10&limit=20'],
    ['colour', '/partners?colour=red'],
    ['cursor', '/partners?cursor=nonsense'],
    ['cursor', `/runs?cursor=${Buffer.from('name:acme').toString('base64url')}`],
    ['state', '/runs?state=asleep'],
    ['since', '/runs?since=yesterday'],
    ['transfer', '/runs?transfer=nothing'],
    ['outcome', '/audit-events?outcome=maybe'],
    ['count', '/schedules/any/preview?count=1000'],
  ])('the parameter %s in %s', async (parameter, path) => {
    const problem = await api.refusal('GET', `/api/v1${path}`);
    expect(problem).toMatchObject({ status: 422, code: 'invalid-request', errors: [{ parameter }] });
  });

  it('an idempotency key that is none', async () => {
    const headers = { authorization: `Bearer ${api.adminKey}`, 'idempotency-key': 'a b' };
    const response = await api.request('POST', '/api/v1/transfers/standing/runs', { headers });
    const problem = await readProblem(response);
    expect(problem).toMatchObject({ status: 422, errors: [{ header: 'Idempotency-Key' }] });
    await expectNothingWritten();
  });
});

describe('a body that cannot be read', () => {
  const send = async (body: string, contentType = 'application/json', more: Record<string, string> = {}) => {
    const headers = { authorization: `Bearer ${api.adminKey}`, 'content-type': contentType, ...more };
    return await readProblem(await api.request('POST', '/api/v1/partners', { headers, body }));
  };

  it('is refused as malformed JSON', async () => {
    expect(await send('{"name": "new"')).toMatchObject({ status: 400, code: 'malformed-json' });
    await expectNothingWritten();
  });

  it('is refused when it is too large, also without a stated length', async () => {
    const body = JSON.stringify({ name: 'new', notes: 'x'.repeat(1024 * 1024) });
    expect(await send(body)).toMatchObject({ status: 413, code: 'body-too-large' });
    const response = await fetch(`${api.url}/api/v1/partners`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.adminKey}`, 'content-type': 'application/json' },
      body: new Blob([body]).stream(),
      duplex: 'half',
    });
    expect(await readProblem(response)).toMatchObject({ status: 413 });
    await expectNothingWritten();
  });

  it('is refused when it is something else than JSON', async () => {
    expect(await send('name=new', 'application/x-www-form-urlencoded')).toMatchObject({ status: 415 });
    expect(await send('{"name":"new"}', 'application/json; charset=latin1')).toMatchObject({ status: 415 });
    expect(await send('{}', 'application/json', { 'content-encoding': 'zstd' })).toMatchObject({
      status: 415,
      code: 'unsupported-media-type',
    });
    await expectNothingWritten();
  });
});

describe('a request to what is not there', () => {
  it.each([
    ['GET', '/partners/nobody'],
    ['GET', `/partners/${UNKNOWN_ID}`],
    ['PATCH', '/partners/nobody'],
    ['PATCH', '/endpoints/nothing'],
    ['PUT', '/endpoints/nothing/credential'],
    ['GET', '/endpoints/nothing/host-keys'],
    ['POST', '/endpoints/nothing/host-keys'],
    ['PATCH', `/host-keys/${UNKNOWN_ID}`],
    ['PATCH', '/host-keys/nothing'],
    ['PATCH', '/transfers/nothing'],
    ['POST', '/transfers/nothing/runs'],
    ['GET', '/transfers/nothing/versions'],
    ['PATCH', '/schedules/nothing'],
    ['GET', '/schedules/nothing/preview'],
    ['GET', '/schedules/nothing/occurrences'],
    ['GET', '/runs/nothing'],
    ['GET', `/runs/${UNKNOWN_ID}`],
    ['GET', `/runs/${UNKNOWN_ID}/deliveries`],
    ['GET', `/runs/${UNKNOWN_ID}/attempts`],
    ['GET', `/runs/${UNKNOWN_ID}/receipt`],
    ['GET', `/runs/${UNKNOWN_ID}/events`],
    ['POST', `/runs/${UNKNOWN_ID}/cancel`],
    ['POST', '/runs/nothing/retry'],
    ['GET', '/audit-events/nothing'],
    ['POST', '/api-keys/nothing/revoke'],
    ['GET', `/partners/${'x'.repeat(300)}`],
  ])('is answered with 404: %s %s', async (method, path) => {
    const bodies: Record<string, object> = {
      PATCH: path.includes('host-keys') ? { state: 'active' } : { name: 'new' },
      PUT: { kind: 'password', password: 'p' },
      POST: path.endsWith('host-keys')
        ? { key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt' }
        : {},
    };
    const problem = await api.refusal(method, `/api/v1${path}`, bodies[method]);
    expect(problem).toMatchObject({ status: 404, code: 'not-found' });
    await expectNothingWritten();
  });

  it('is answered with 404 for an address without a route, key or no key', async () => {
    expect(await api.refusal('GET', '/api/v1/flows')).toMatchObject({ status: 404, code: 'no-such-route' });
    expect(await readProblem(await fetch(`${api.url}/`))).toMatchObject({ code: 'no-such-route' });
  });

  it('is answered with 405 and the methods for a method without a route', async () => {
    const response = await api.request('DELETE', '/api/v1/partners');
    expect(response.headers.get('allow')).toBe('POST, GET, HEAD');
    expect(await readProblem(response)).toMatchObject({ status: 405, code: 'method-not-allowed' });
  });

  it('is answered with 400 for an address that cannot be decoded', async () => {
    const problem = await api.refusal('GET', '/api/v1/partners/%E0%A4%A');
    expect(problem).toMatchObject({ status: 400, code: 'malformed-request' });
  });
});

describe('who may do what', () => {
  const call = (method: string, path: string, key?: string, headers: Record<string, string> = {}) =>
    fetch(`${api.url}${path}`, {
      method,
      headers: { ...headers, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    });

  it('without a valid key nothing but health, readiness and the OpenAPI document answers', async () => {
    for (const { method, path, scope } of Object.values<Route>(routes)) {
      if (scope === null) continue;
      const url = path.replace(/\{\w+\}/g, UNKNOWN_ID);
      const response = await call(method.toUpperCase(), url);
      expect([url, response.status]).toEqual([url, 401]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      await response.body?.cancel();
    }
    for (const path of ['/healthz', '/readyz', '/openapi.json'])
      expect((await call('GET', path)).status).toBe(200);
  });

  it('each route asks for its scope', async () => {
    const key = await api.makeKey('audit-only', ['audit']);
    for (const { method, path, scope } of Object.values<Route>(routes)) {
      if (scope === null || scope === 'audit') continue;
      const url = path.replace(/\{\w+\}/g, UNKNOWN_ID);
      const response = await call(method.toUpperCase(), url, key);
      expect([url, response.status]).toEqual([url, 403]);
      await response.body?.cancel();
    }
    expect((await call('GET', '/api/v1/audit-events', key)).status).toBe(200);
  });

  it('a denied request is an audit event with its address, its id and the actor', async () => {
    const headers = { 'x-request-id': 'denied-1' };
    const problem = await readProblem(await call('GET', '/api/v1/runs', 'wb_wrong', headers));
    expect(problem).toMatchObject({ status: 401, code: 'not-authenticated', requestId: 'denied-1' });
    const key = await api.makeKey('reader', ['read']);
    expect(await readProblem(await call('POST', '/api/v1/partners', key))).toMatchObject({
      status: 403,
      code: 'scope-missing',
      detail: expect.stringContaining('"define"'),
    });
    const { items } = await api.client.call('listAuditEvents', { query: { outcome: 'denied', limit: 2 } });
    expect(items).toMatchObject([
      {
        type: 'request.denied',
        actor: { kind: 'api-key', name: 'reader' },
        address: '127.0.0.1',
        data: { method: 'POST', path: '/api/v1/partners', status: 403 },
      },
      { actor: { kind: 'anonymous' }, address: '127.0.0.1', requestId: 'denied-1', data: { status: 401 } },
    ]);
  });

  it('a revoked or expired key opens nothing', async () => {
    const { client } = api;
    const { key, ...record } = await client.call('createApiKey', {
      body: { name: 'short', scopes: ['read'] },
    });
    expect((await call('GET', '/api/v1/runs', key)).status).toBe(200);
    const revoked = await client.call('revokeApiKey', { params: { id: 'short' } });
    expect(revoked).toMatchObject({ id: record.id, revokedAt: expect.any(String) });
    expect((await call('GET', '/api/v1/runs', key)).status).toBe(401);
    const body = { name: 'over', scopes: ['read'], expiresAt: '2020-01-01T00:00:00Z' } as const;
    const expired = await client.call('createApiKey', { body: { ...body, scopes: ['read'] } });
    expect((await call('GET', '/api/v1/runs', expired.key)).status).toBe(401);
    const listed = await client.call('listApiKeys');
    expect(JSON.stringify(listed)).not.toContain(key);
    expect(await client.call('getApiKey', { params: { id: 'short' } })).toMatchObject({ name: 'short' });
  });
});

describe('every answer', () => {
  it('has the id of its request, is not cached, and says little about the server', async () => {
    const response = await api.request('GET', '/api/v1/partners');
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('etag')).toBeNull();
    expect(response.headers.get('x-powered-by')).toBeNull();
  });

  it('keeps the id that the caller chose, unless it could do harm in a log', async () => {
    const ask = async (id: string) =>
      (await fetch(`${api.url}/healthz`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await ask('batch-42')).toBe('batch-42');
    expect(await ask('a "quoted" id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is served from the OpenAPI document: every route of it is there, and the version', async () => {
    const document = await api.client.call('getOpenApi');
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
    for (const [path, item] of Object.entries(document.paths as object))
      for (const method of Object.keys(item)) {
        const url = api.url + path.replace(/\{\w+\}/g, UNKNOWN_ID);
        const response = await fetch(url, { method: method.toUpperCase() });
        expect([method, path, response.status]).not.toEqual([method, path, 404]);
        expect([method, path, response.status]).not.toEqual([method, path, 405]);
        await response.body?.cancel();
      }
  });
});

it('a database that is away is an answer of 503 that says when to come back', async () => {
  let proxy: TcpProxy | undefined;
  const broken = await startTestApi({
    async via(databaseUrl) {
      const url = new URL(databaseUrl);
      proxy = await startTcpProxy({ target: { host: url.hostname, port: Number(url.port) } });
      return Object.assign(url, { host: `${proxy.host}:${proxy.port}` }).href;
    },
  });
  try {
    await proxy?.close();
    const response = await broken.request('GET', '/api/v1/partners');
    expect(await readProblem(response)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(response.headers.get('retry-after')).toBe('5');
    const readiness = await fetch(`${broken.url}/readyz`);
    expect(readiness.status).toBe(503);
    expect(await readiness.json()).toMatchObject({ status: 'not-ready', checks: { database: 'failed' } });
    expect((await fetch(`${broken.url}/healthz`)).status).toBe(200);
  } finally {
    await broken[Symbol.asyncDispose]();
  }
});

it('an error that nobody expected is answered without its details', async () => {
  const broken = await startTestApi();
  try {
    await broken.database.prisma.$executeRawUnsafe('alter table partner rename to gone');
    const problem = await broken.refusal('GET', '/api/v1/partners');
    expect(problem).toMatchObject({ status: 500, code: 'internal', errors: [] });
    expect(problem.detail).not.toMatch(/partner|prisma|relation/i);
  } finally {
    await broken[Symbol.asyncDispose]();
  }
});

it('closes although a client keeps its connection open', async () => {
  const other = await startTestApi();
  const socket = connect(Number(new URL(other.url).port), '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await other[Symbol.asyncDispose]();
  socket.destroy();
  await closed;
  await expect(fetch(`${other.url}/healthz`)).rejects.toThrow('fetch failed');
});
