import type { Transfer } from '@waybill/contract';
import { saveBreaker } from '@waybill/db';
import { startGnupg } from '@waybill/testkit/gnupg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ED25519, LOCAL, SFTP, startTestApi, type TestApi } from './testing/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

async function makeTransfer(name: string): Promise<Transfer> {
  const { client } = api;
  await client.call('createEndpoint', { body: { name: `${name}-sftp`, settings: SFTP } });
  await client.call('createEndpoint', { body: { name: `${name}-local`, settings: LOCAL } });
  const definition = {
    source: { endpointId: `${name}-sftp`, directory: 'out' },
    target: { endpointId: `${name}-local`, directory: '' },
  };
  return await client.call('createTransfer', { body: { name, definition } });
}

describe('partners', () => {
  it('are created, read by id and by name, changed and listed page by page', async () => {
    const { client } = api;
    const acme = await client.call('createPartner', { body: { name: 'acme', title: 'ACME Bank' } });
    expect(acme).toMatchObject({ name: 'acme', title: 'ACME Bank', notes: '' });
    expect(await client.call('getPartner', { params: { id: acme.id } })).toEqual(acme);
    expect(await client.call('getPartner', { params: { id: 'acme' } })).toEqual(acme);

    const changed = await client.call('updatePartner', { params: { id: 'acme' }, body: { notes: 'call' } });
    expect(changed).toMatchObject({ id: acme.id, title: 'ACME Bank', notes: 'call' });

    await client.call('createPartner', { body: { name: 'beta' } });
    await client.call('createPartner', { body: { name: 'gamma' } });
    const first = await client.call('listPartners', { query: { limit: 2 } });
    expect(first.items.map(({ name }) => name)).toEqual(['acme', 'beta']);
    const cursor = first.nextCursor ?? '';
    const second = await client.call('listPartners', { query: { limit: 2, cursor } });
    expect(second.items.map(({ name }) => name)).toEqual(['gamma']);
    expect(second.nextCursor).toBeNull();
  });

  it('have a name of their own: a second one is refused, and the field named', async () => {
    await api.client.call('createPartner', { body: { name: 'taken' } });
    const problem = await api.refusal('POST', '/api/v1/partners', { name: 'taken' });
    expect(problem).toMatchObject({ code: 'conflict', status: 409, errors: [{ pointer: '/name' }] });
  });
});

describe('endpoints', () => {
  it('are created with defaults, changed and listed by partner', async () => {
    const { client } = api;
    const owner = await client.call('createPartner', { body: { name: 'owner' } });
    const body = { name: 'owner-sftp', partnerId: 'owner', settings: SFTP };
    const endpoint = await client.call('createEndpoint', { body });
    expect(endpoint).toMatchObject({
      partnerId: owner.id,
      partnerName: 'owner',
      pool: 'default',
      settings: { ...SFTP, port: 22, root: '.', connectTimeoutMs: 20_000 },
      credential: null,
      proxyCredential: null,
      warnings: [],
    });
    const params = { id: 'owner-sftp' };
    const changed = await client.call('updateEndpoint', { params, body: { pool: 'dmz' } });
    expect(changed).toMatchObject({ ...endpoint, pool: 'dmz', updatedAt: changed.updatedAt });
    const orphan = await client.call('updateEndpoint', { params, body: { partnerId: null } });
    expect(orphan.partnerId).toBeNull();
    await client.call('updateEndpoint', { params, body: { partnerId: owner.id } });
    const { items } = await client.call('listEndpoints', { query: { partner: 'owner' } });
    expect(items.map(({ name }) => name)).toEqual(['owner-sftp']);
    expect(await client.call('getEndpoint', { params })).toEqual(items[0]);
  });

  it('have limits, are shown to be suspended and why, and are resumed', async () => {
    const { client } = api;
    const limits = {
      maxRuns: 2,
      bandwidth: [{ bytesPerSecond: 4_096, days: ['sun' as const], zone: 'Europe/Berlin' }],
      maintenance: [
        { from: '22:00', to: '02:00', zone: 'UTC' },
        { startsAt: '2026-12-24T12:00:00+01:00', endsAt: '2026-12-25T12:00:00Z' },
      ],
    };
    const params = { id: 'limited' };
    const body = { name: 'limited', settings: SFTP, limits };
    const { id } = await client.call('createEndpoint', { body });
    expect(await client.call('getEndpoint', { params })).toMatchObject({ limits, breaker: null });
    const wrong = { limits: { maintenance: [{ from: '22:00', to: '02:00', zone: 'Mars' }] } };
    expect(await api.refusal('PATCH', '/api/v1/endpoints/limited', wrong)).toMatchObject({
      code: 'invalid-request',
      errors: [{ pointer: '/limits/maintenance/0' }],
    });
    const failure = { code: 'authentication-failed', message: 'wrong password' } as const;
    await saveBreaker(api.database, id, { state: 'open', failures: 1, openings: 1, failure });
    expect((await client.call('getEndpoint', { params })).breaker).toMatchObject({
      ...{ state: 'open', failures: 1, until: null, failure },
    });
    expect(await client.call('resumeEndpoint', { params })).toMatchObject({ limits, breaker: null });
    const events = await client.call('listAuditEvents', { query: { type: 'endpoint.resumed' } });
    expect(events.items.map(({ description }) => description)).toEqual([
      expect.stringContaining('lets runs go to endpoint limited again: on request'),
    ]);
    expect((await client.call('updateEndpoint', { params, body: { limits: {} } })).limits).toEqual({});
  });

  it('keep their kind', async () => {
    await api.client.call('createEndpoint', { body: { name: 'stays-local', settings: LOCAL } });
    const problem = await api.refusal('PATCH', '/api/v1/endpoints/stays-local', { settings: SFTP });
    expect(problem).toMatchObject({ code: 'invalid-request', errors: [{ pointer: '/settings/kind' }] });
  });

  it('take a credential that nothing shows again', async () => {
    const { client } = api;
    const params = { id: 'secretive' };
    await client.call('createEndpoint', { body: { name: 'secretive', settings: SFTP } });
    const body = { kind: 'password', password: 'hunter2-hunter2' } as const;
    const stored = await client.call('setCredential', { params, body });
    expect(Object.keys(stored)).toEqual(['kind', 'updatedAt']);
    const shown = await client.call('getEndpoint', { params });
    expect(shown.credential).toEqual(stored);
    const events = await client.call('listAuditEvents', { query: { type: 'credential.set' } });
    const rows = await api.database.prisma.credential.findMany();
    expect(
      JSON.stringify([shown, events]) + rows.map((row) => Buffer.from(row.envelope).toString('latin1')),
    ).not.toContain('hunter2');
  });

  it('are reached by a proxy whose password nothing shows again, or by another endpoint', async () => {
    const { client } = api;
    const route = { kind: 'http-connect', host: 'proxy.example', port: 3128, username: 'us' } as const;
    await client.call('createEndpoint', { body: { name: 'proxied', settings: { ...SFTP, route } } });
    const body = { password: 'hunter3-hunter3' };
    const stored = await client.call('setProxyCredential', { params: { id: 'proxied' }, body });
    const proxied = await client.call('getEndpoint', { params: { id: 'proxied' } });
    expect(proxied).toMatchObject({ settings: { route }, credential: null, proxyCredential: stored });
    expect(JSON.stringify(proxied)).not.toContain('hunter3');

    const jump = { kind: 'jump', endpointId: 'proxied' } as const;
    const behind = { name: 'behind', settings: { ...SFTP, route: jump } };
    expect(await client.call('createEndpoint', { body: behind })).toMatchObject({
      settings: { route: { kind: 'jump', endpointId: proxied.id } },
    });
    const settings = { ...SFTP, route: { kind: 'jump', endpointId: 'nobody' } };
    const problem = await api.refusal('POST', '/api/v1/endpoints', { name: 'lost', settings });
    expect(problem).toMatchObject({ errors: [{ pointer: '/settings/route/endpointId' }] });
  });

  it('that may use weak algorithms say so', async () => {
    const settings = { ...SFTP, legacyAlgorithms: ['ssh-rsa' as const] };
    const old = await api.client.call('createEndpoint', { body: { name: 'old', settings } });
    expect(old.warnings).toEqual([expect.stringContaining('weak algorithms are allowed: ssh-rsa')]);
    const unknown = { ...SFTP, legacyAlgorithms: ['arcfour'] };
    const problem = await api.refusal('POST', '/api/v1/endpoints', { name: 'older', settings: unknown });
    expect(problem).toMatchObject({ errors: [{ pointer: '/settings/legacyAlgorithms/0' }] });
  });

  it('are pinned to host keys', async () => {
    const { client } = api;
    const params = { id: 'pinned' };
    await client.call('createEndpoint', { body: { name: 'pinned', settings: SFTP } });
    const key = await client.call('addHostKey', { params, body: { key: `${ED25519} ops@acme` } });
    expect(key).toMatchObject({ algorithm: 'ssh-ed25519', state: 'active' });
    const again = await api.refusal('POST', '/api/v1/endpoints/pinned/host-keys', { key: ED25519 });
    expect(again).toMatchObject({ code: 'conflict', errors: [{ pointer: '/key' }] });
    const none = await api.refusal('POST', '/api/v1/endpoints/pinned/host-keys', { key: 'ssh-rsa AAAA' });
    expect(none).toMatchObject({ code: 'invalid-request', errors: [{ pointer: '/key' }] });

    const revoked = await client.call('changeHostKey', {
      params: { id: key.id },
      body: { state: 'revoked' },
    });
    expect(revoked).toMatchObject({ id: key.id, state: 'revoked' });
    expect(await client.call('listHostKeys', { params })).toEqual({ items: [revoked] });
  });
});

describe('OpenPGP keys', () => {
  it('are imported, shown without their private part, named by transfers, and removed when none does', async () => {
    await using gpg = await startGnupg();
    const make = ['--quick-generate-key', 'Ours <files@us.example>', 'future-default', 'default', '2y'];
    await gpg.run(['--passphrase', 'hunter2-hunter2', ...make]);
    const secret = ['--passphrase', 'hunter2-hunter2', '--armor', '--export-secret-keys'];
    const armored = (await gpg.run(secret)).toString();
    const { client } = api;
    const locked = await api.refusal('POST', '/api/v1/openpgp-keys', { name: 'ours', armored });
    expect(locked).toMatchObject({ code: 'invalid-request', errors: [{ pointer: '/armored' }] });
    expect(locked.detail).toContain('locked');

    const body = { name: 'ours', armored, passphrase: 'hunter2-hunter2' };
    const ours = await client.call('importOpenPgpKey', { body });
    expect(ours).toMatchObject({
      ...{
        name: 'ours',
        userIds: ['Ours <files@us.example>'],
        fingerprint: expect.stringMatching(/^[0-9A-F]{40}$/),
      },
      ...{ canEncrypt: true, canSign: true, hasPrivatePart: true, expiresAt: expect.any(String) },
    });
    expect(await client.call('getOpenPgpKey', { params: { id: 'ours' } })).toEqual(ours);
    expect((await client.call('listOpenPgpKeys')).items).toEqual([ours]);
    const events = await client.call('listAuditEvents', { query: { subjectId: ours.id } });
    expect(events.items[0]?.description).toContain(`imported private OpenPGP key ours (${ours.fingerprint})`);
    const rows = await api.database.prisma.openPgpKey.findMany();
    const envelopes = rows.map((row) => Buffer.from(row.envelope ?? []).toString('latin1'));
    for (const text of [JSON.stringify([ours, events]), ...envelopes])
      expect(text).not.toMatch(/hunter2|PRIVATE KEY/);
    expect(await api.refusal('POST', '/api/v1/openpgp-keys', body)).toMatchObject({ code: 'conflict' });

    const { definition } = await makeTransfer('signed');
    const transforms = [{ kind: 'openpgp-sign', signWith: 'ours' } as const];
    const params = { id: 'signed' };
    const changed = await client.call('updateTransfer', {
      params,
      body: { definition: { ...definition, transforms } },
    });
    expect(changed).toMatchObject({ version: 2, definition: { transforms } });
    const refused = await api.refusal('DELETE', '/api/v1/openpgp-keys/ours');
    expect(refused).toMatchObject({ code: 'conflict', detail: expect.stringContaining('signed') });

    const unknown = { ...definition, transforms: [{ kind: 'openpgp-sign', signWith: 'nobody' }] };
    const problem = await api.refusal('PATCH', '/api/v1/transfers/signed', { definition: unknown });
    expect(problem).toMatchObject({ errors: [{ pointer: '/definition/transforms/0/signWith' }] });

    await client.call('updateTransfer', { params, body: { definition } });
    expect(await client.call('removeOpenPgpKey', { params: { id: 'ours' } })).toEqual(ours);
    expect((await client.call('listOpenPgpKeys')).items).toEqual([]);
  });
});

describe('transfers', () => {
  it('show all that was asked for', async () => {
    const { definition } = await makeTransfer('together');
    const asked = {
      ...{ ...definition, set: { controlFile: '*.ctl' } },
      duplicates: { withinDays: 30, action: 'hold' } as const,
    };
    const params = { id: 'together' };
    const changed = await api.client.call('updateTransfer', { params, body: { definition: asked } });
    expect(changed.definition).toEqual(asked);
    const versions = await api.client.call('listTransferVersions', { params });
    expect(versions.items[0]?.definition).toEqual(asked);
    const never = { ...asked, duplicates: { withinDays: 0, action: 'hold' } };
    expect(await api.refusal('PATCH', '/api/v1/transfers/together', { definition: never })).toMatchObject({
      errors: [{ pointer: '/definition/duplicates/withinDays' }],
    });
  });

  it('are created with defaults; another definition is a new version, another name is not', async () => {
    const { client } = api;
    const transfer = await makeTransfer('statements');
    expect(transfer).toMatchObject({
      kind: 'pull',
      enabled: true,
      version: 1,
      definition: { source: { directory: 'out', include: ['*'] }, conflict: 'replace', concurrency: 4 },
    });
    const params = { id: 'statements' };
    const { source, target } = transfer.definition;
    const definition = {
      ...transfer.definition,
      source: {
        ...source,
        checksumFile: { name: '{name}.md5', algorithm: 'md5', graceMs: 60_000 } as const,
      },
      target: {
        ...target,
        checksumFile: { name: '{name}.sum', algorithm: 'sha512', format: 'bsd' } as const,
        acknowledgement: {
          ...{ name: '{name}', refusalName: '{name}.err', directory: 'answers', timeoutMs: 3_600_000 },
          afterwards: 'remove' as const,
        },
      },
      concurrency: 2,
    };
    const second = await client.call('updateTransfer', { params, body: { definition } });
    expect(second).toMatchObject({ version: 2, definition });
    const renamed = await client.call('updateTransfer', {
      params,
      body: { name: 'reports', enabled: false },
    });
    expect(renamed).toMatchObject({ id: transfer.id, name: 'reports', enabled: false, version: 2 });

    const { items } = await client.call('listTransferVersions', { params: { id: transfer.id } });
    expect(items.map(({ version, definition }) => [version, definition.concurrency])).toEqual([
      [2, 2],
      [1, 4],
    ]);
    expect((await client.call('listTransfers')).items).toContainEqual(renamed);
    expect(await client.call('getTransfer', { params: { id: 'reports' } })).toEqual(renamed);
  });

  it('name the endpoint that is not there, and the pair that goes nowhere', async () => {
    await makeTransfer('pair');
    const definition = (source: string, target: string) => ({
      source: { endpointId: source, directory: '' },
      target: { endpointId: target, directory: '' },
    });
    const missing = { name: 'x', definition: definition('pair-sftp', 'nowhere') };
    expect(await api.refusal('POST', '/api/v1/transfers', missing)).toMatchObject({
      code: 'invalid-request',
      errors: [{ pointer: '/definition/target/endpointId' }],
    });
    const local = { name: 'x', definition: definition('pair-local', 'pair-local') };
    expect(await api.refusal('POST', '/api/v1/transfers', local)).toMatchObject({
      code: 'invalid-request',
      errors: [{ pointer: '/definition/target/endpointId' }],
    });
  });
});

describe('a transfer that takes new files only', () => {
  async function makeOneThatDelivered(name: string, ...paths: string[]) {
    const transfer = await makeTransfer(name);
    const { client, database } = api;
    const { source, ...others } = transfer.definition;
    const definition = { ...others, source: { ...source, selection: { onlyNew: true } } };
    const changed = await client.call('updateTransfer', { params: { id: name }, body: { definition } });
    expect(changed.definition.source.selection).toEqual({ onlyNew: true });
    const file = { size: 1n, modifiedAt: new Date(), steady: true, sha256: 'a'.repeat(64) };
    const delivered = { transferId: transfer.id, sourceEndpointId: source.endpointId };
    for (const path of paths)
      await database.prisma.deliveredFile.create({
        data: { ...delivered, ...file, path, runId: transfer.id, deliveredAt: new Date() },
      });
  }

  it('forgets what it has delivered, says how much, and the audit log who had it do so', async () => {
    await makeOneThatDelivered('forgetful', 'out/a.csv', 'out/b.csv', 'out/c.txt');
    const forget = (path: string) =>
      api.client.call('forgetFiles', { params: { id: 'forgetful' }, body: { path } });
    expect(await forget('out/a.csv')).toEqual({ files: 1 });
    expect(await forget('*.csv')).toEqual({ files: 1 });
    expect(await forget('*.csv')).toEqual({ files: 0 });
    const { items } = await api.client.call('listAuditEvents', {
      query: { type: 'transfer.files-forgotten' },
    });
    expect(items).toMatchObject([
      {
        actor: { name: 'admin' },
        data: { name: 'forgetful', path: '*.csv', files: 1 },
        description: 'admin had transfer forgetful forget 1 delivered file(s) at *.csv',
      },
      { data: { name: 'forgetful', path: 'out/a.csv', files: 1 } },
    ]);
  });

  it('forgets nothing of a transfer that is not there, for what means nothing, or for who may only read', async () => {
    await makeOneThatDelivered('mindful', 'out/a.csv');
    const address = '/api/v1/transfers/mindful/forget';
    const nobody = '/api/v1/transfers/nobody/forget';
    expect(await api.refusal('POST', nobody, { path: '*' })).toMatchObject({ code: 'not-found' });
    const refused = [{ path: 'out/(a|b)' }, { path: '' }, {}, { path: '*', transfer: 'other' }];
    for (const body of refused)
      expect(await api.refusal('POST', address, body), JSON.stringify(body)).toMatchObject({
        code: 'invalid-request',
      });
    const key = await api.makeKey('auditor', ['read']);
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ path: '*' });
    expect((await api.request('POST', address, { headers, body })).status).toBe(403);
    expect(await api.database.prisma.deliveredFile.count({ where: { path: 'out/a.csv' } })).toBe(1);
  });
});

describe('schedules', () => {
  let ruled: Transfer;
  beforeAll(async () => {
    ruled = await makeTransfer('ruled');
  });

  it('are created, previewed, changed and listed by transfer', async () => {
    const { client } = api;
    const transfer = await makeTransfer('nightly');
    const body = { transferId: 'nightly', name: 'at-six', cron: '0 6 * * *', timeZone: 'Europe/Berlin' };
    const schedule = await client.call('createSchedule', { body });
    expect(schedule).toMatchObject({ transferId: transfer.id, transferName: 'nightly', catchUp: 'latest' });
    const params = { id: 'at-six' };
    const preview = await client.call('previewSchedule', { params, query: { count: 3 } });
    expect(preview.occurrences).toHaveLength(3);
    expect(preview.occurrences[0]).toEqual({
      ...{ dueAt: schedule.nextDueAt, state: 'planned', reason: '', notBefore: null },
    });

    const off = await client.call('updateSchedule', { params, body: { enabled: false } });
    expect(off).toMatchObject({ enabled: false, nextDueAt: null });
    const again = await client.call('previewSchedule', { params, query: { count: 3 } });
    expect(again.occurrences).toHaveLength(3);
    const { items } = await client.call('listSchedules', { query: { transfer: transfer.id } });
    expect(items).toEqual([off]);
    expect(await client.call('getSchedule', { params })).toEqual(off);
  });

  it('show all that was asked for, and take it back by null', async () => {
    const { client } = api;
    await client.call('createCalendar', { body: { name: 'bank' } });
    const asked = {
      ...{ transferId: ruled.id, name: 'whole', cron: '0 6 * * *', timeZone: 'Europe/Berlin' },
      ...({ overlap: 'skip', jitterSeconds: 60, catchUp: 'all', catchUpWithinMinutes: 90 } as const),
      pausedUntil: '2099-01-01T00:00:00.000Z',
    };
    const calendar = { id: 'bank', rule: 'next-business-day' } as const;
    const schedule = await client.call('createSchedule', { body: { ...asked, calendar } });
    const id = (await client.call('getCalendar', { params: { id: 'bank' } })).id;
    expect(schedule).toMatchObject({ ...asked, calendarName: 'bank', calendar: { ...calendar, id } });
    const none = { calendar: null, catchUpWithinMinutes: null, pausedUntil: null };
    const params = { id: 'whole' };
    expect(await client.call('updateSchedule', { params, body: none })).toMatchObject(none);
  });

  it('refuse runs in parallel, and say why', async () => {
    const body = { transferId: ruled.id, name: 'parallel', cron: '0 6 * * *', overlap: 'parallel' };
    const problem = await api.refusal('POST', '/api/v1/schedules', body);
    expect(problem).toMatchObject({ status: 422, errors: [{ pointer: '/overlap' }] });
    expect(problem.errors[0]?.message).toContain('would move them twice');
  });

  it('are previewed before they are made, with what a calendar leaves out', async () => {
    const { client } = api;
    const holidays = [{ date: '2026-12-25', title: 'Christmas Day' }];
    await client.call('createCalendar', { body: { name: 'festive', holidays } });
    const body = {
      ...{ cron: '0 6 * * *', timeZone: 'Europe/Berlin', count: 2, from: '2026-12-24T12:00:00+01:00' },
      calendar: { id: 'festive', rule: 'only-business-days' as const },
    };
    expect(await client.call('previewRule', { body })).toEqual({
      timeZone: 'Europe/Berlin',
      occurrences: [
        {
          ...{ dueAt: '2026-12-25T05:00:00.000Z', state: 'skipped', notBefore: null },
          reason: '2026-12-25 (Christmas Day) is no business day of calendar festive',
        },
        {
          ...{ dueAt: '2026-12-26T05:00:00.000Z', state: 'skipped', notBefore: null },
          reason: '2026-12-26 (Saturday) is no business day of calendar festive',
        },
      ],
    });
    const refused = await api.refusal('POST', '/api/v1/schedule-previews', { cron: '0 0 L * *' });
    expect(refused).toMatchObject({ status: 422, errors: [{ pointer: '/cron' }] });
  });

  it('run for a past date, once', async () => {
    const { client } = api;
    const body = { transferId: ruled.id, name: 'past', cron: '0 6 * * *' };
    await client.call('createSchedule', { body });
    const path = '/api/v1/schedules/past/runs';
    const headers = { authorization: `Bearer ${api.adminKey}`, 'content-type': 'application/json' };
    const ask = (asked: object) => api.request('POST', path, { headers, body: JSON.stringify(asked) });
    const made = await ask({ for: '2026-11-20' });
    expect(made.status).toBe(201);
    const { items } = (await made.json()) as { items: { id: string; dueAt: string }[] };
    expect(items).toMatchObject([{ dueAt: '2026-11-20T06:00:00.000Z', trigger: 'request' }]);
    const found = await ask({ for: '2026-11-20' });
    expect(found.status).toBe(200);
    expect(await found.json()).toEqual({ items });
    expect(await api.refusal('POST', path, { for: '20.11.2026' })).toMatchObject({
      ...{ status: 422, errors: [{ pointer: '/for' }] },
    });
  });

  it('list their occurrences, newest first', async () => {
    const { client, database } = api;
    await makeTransfer('occurring');
    const body = { transferId: 'occurring', name: 'each-hour', cron: '0 * * * *' };
    const { id: scheduleId } = await client.call('createSchedule', { body });
    const dueAt = [1, 2, 3].map((hour) => new Date(Date.UTC(2026, 0, 1, hour)));
    const data = dueAt.map((at, n) => ({
      id: `00000000-0000-7000-8000-00000000000${n}`,
      scheduleId,
      dueAt: at,
      state: 'skipped',
      reason: 'missed',
    }));
    await database.prisma.occurrence.createMany({ data });
    const params = { id: 'each-hour' };
    const first = await client.call('listOccurrences', { params, query: { limit: 2 } });
    const query = { limit: 2, cursor: first.nextCursor ?? '' };
    const second = await client.call('listOccurrences', { params, query });
    const listed = [...first.items, ...second.items].map((occurrence) => occurrence.dueAt);
    expect(listed).toEqual(dueAt.map((at) => at.toISOString()).reverse());
  });

  it.each([
    ['/cron', { cron: '61 * * * *' }],
    ['/cron', { cron: '* * * * * *' }],
    ['/timeZone', { timeZone: 'Europe/Atlantis' }],
    ['/transferId', { transferId: 'nothing' }],
    ['/calendar/id', { calendar: { id: 'nothing', rule: 'only-holidays' } }],
    ['/calendar/rule', { calendar: { id: 'nothing', rule: 'sometimes' } }],
    ['/jitterSeconds', { jitterSeconds: -1 }],
    ['/catchUpWithinMinutes', { catchUp: 'skip', catchUpWithinMinutes: 5 }],
    ['/pausedUntil', { pausedUntil: '2020-01-01T00:00:00Z' }],
  ])('are refused with the place of what is wrong: %s %j', async (pointer, change) => {
    const body = { transferId: ruled.id, name: 'wrong', cron: '0 6 * * *', ...change };
    const problem = await api.refusal('POST', '/api/v1/schedules', body);
    expect(problem).toMatchObject({ status: 422, code: 'invalid-request', errors: [{ pointer }] });
  });
});

describe('calendars', () => {
  it('are created, read, changed, imported, listed and removed', async () => {
    const { client } = api;
    const created = await client.call('createCalendar', { body: { name: 'plain' } });
    expect(created).toMatchObject({ name: 'plain', weekend: [6, 7], holidays: [] });
    const params = { id: 'plain' };
    expect(await client.call('getCalendar', { params })).toEqual(created);
    const holidays = [
      { date: '2026-12-25', title: 'Christmas Day' },
      { date: '2026-12-24', title: '' },
    ];
    const changed = await client.call('updateCalendar', { params, body: { weekend: [5], holidays } });
    expect(changed).toMatchObject({ weekend: [5], holidays: [...holidays].reverse() });
    const text = 'BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20270101\nEND:VEVENT\nEND:VCALENDAR\n';
    const imported = await client.call('importHolidays', { params, body: { text } });
    expect(imported).toMatchObject({ weekend: [5], holidays: [{ date: '2027-01-01', title: '' }] });
    const listed = await client.call('listCalendars', { query: { limit: 200 } });
    expect(listed.items).toContainEqual(imported);
    expect(await client.call('removeCalendar', { params })).toEqual(imported);
    expect(await api.refusal('GET', '/api/v1/calendars/plain')).toMatchObject({ status: 404 });
  });

  it('stay while a schedule uses them', async () => {
    const { client } = api;
    const transfer = await makeTransfer('by-calendar');
    await client.call('createCalendar', { body: { name: 'used' } });
    const calendar = { id: 'used', rule: 'only-business-days' as const };
    const body = { transferId: transfer.id, name: 'using', cron: '0 6 * * *', calendar };
    await client.call('createSchedule', { body });
    const problem = await api.refusal('DELETE', '/api/v1/calendars/used');
    expect(problem).toMatchObject({ status: 409, code: 'conflict' });
    expect(problem.detail).toContain('using');
  });

  it.each([
    ['/holidays/0/date', { holidays: [{ date: '25.12.2026', title: '' }] }],
    ['/holidays/1/date', { holidays: ['2026-12-25', '2026-12-25'].map((date) => ({ date, title: '' })) }],
    ['/weekend', { weekend: [1, 2, 3, 4, 5, 6, 7] }],
    ['/weekend/0', { weekend: [8] }],
  ])('are refused with the place of what is wrong: %s', async (pointer, change) => {
    const problem = await api.refusal('POST', '/api/v1/calendars', { name: 'wrong', ...change });
    expect(problem).toMatchObject({ status: 422, code: 'invalid-request', errors: [{ pointer }] });
  });

  it('name the line of an iCalendar text that cannot be read', async () => {
    await api.client.call('createCalendar', { body: { name: 'unread' } });
    const body = {
      text: 'BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20270101T090000Z\nEND:VEVENT\nEND:VCALENDAR',
    };
    const problem = await api.refusal('PUT', '/api/v1/calendars/unread/ics', body);
    expect(problem).toMatchObject({ status: 422, errors: [{ pointer: '/text' }] });
    expect(problem.errors[0]?.message).toContain('line 3: DTSTART is not a whole day');
  });
});
