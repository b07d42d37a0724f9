import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import {
  findTransferVersion,
  listAuditEvents,
  listHostKeys,
  listPartners,
  listTransferVersions,
  readAuditHead,
} from '@waybill/db';
import { type EndpointSettings, newId } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authenticate, createApiKey, revokeApiKey } from './api-keys.js';
import { openCredential, setCredential } from './credentials.js';
import { createEndpoint, updateEndpoint } from './define-endpoint.js';
import { createPartner, updatePartner } from './define-partner.js';
import { createSchedule, updateSchedule } from './define-schedule.js';
import { createTransfer, updateTransfer } from './define-transfer.js';
import { addHostKey, changeHostKeyState, proposeHostKeys, trustedHostKeys } from './host-keys.js';
import { OperationError } from './operation-error.js';
import { recordDenied } from './record-event.js';
import {
  eventsOf,
  makeDefinition,
  makeTransfer,
  openTestContext,
  type TestContext,
} from './testing/exchange.js';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt';

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());

/** What an operation that must fail fails with. */
async function refusal(work: Promise<unknown>): Promise<{ code: string; field: string | undefined }> {
  const error = await work.then(
    () => expect.unreachable('it was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OperationError);
  const { code, field } = error as OperationError;
  return { code, field };
}

describe('a partner', () => {
  it('is kept with an event, and one that changes nothing leaves none', async () => {
    const partner = await createPartner(context, { name: 'acme', title: 'Acme Ltd' });
    await updatePartner(context, 'acme', { title: 'Acme Ltd' });
    const renamed = await updatePartner(context, partner.id, { name: 'acme-bank' });
    expect(renamed).toMatchObject({ id: partner.id, name: 'acme-bank', title: 'Acme Ltd' });
    expect(await eventsOf(context.database, partner.id)).toEqual(['partner.created', 'partner.updated']);
  });

  it('of a name that is taken is a conflict that leaves no trace', async () => {
    await createPartner(context, { name: 'twice' });
    const { seq } = await readAuditHead(context.database);
    expect(await refusal(createPartner(context, { name: 'twice' }))).toEqual({
      code: 'conflict',
      field: '/name',
    });
    expect((await readAuditHead(context.database)).seq).toBe(seq);
  });

  it('is listed by name in pages', async () => {
    for (const name of ['page-b', 'page-c', 'page-a']) await createPartner(context, { name });
    const names: string[] = [];
    for (let after: string | undefined = 'page'; after !== undefined; ) {
      const page = await listPartners(context.database, { limit: 2, after });
      names.push(...page.items.map(({ name }) => name));
      after = page.next;
    }
    expect(names.filter((name) => name.startsWith('page-'))).toEqual(['page-a', 'page-b', 'page-c']);
  });
});

it('changes nothing when the event cannot be written', async () => {
  await context.database.prisma
    .$executeRaw`alter table audit_event add constraint no_more check (type <> 'partner.created') not valid`;
  try {
    await expect(createPartner(context, { name: 'never' })).rejects.toThrow(/no_more/);
  } finally {
    await context.database.prisma.$executeRaw`alter table audit_event drop constraint no_more`;
  }
  const page = await listPartners(context.database, { limit: 200 });
  expect(page.items.map(({ name }) => name)).not.toContain('never');
});

describe('an endpoint', () => {
  const settings = { kind: 'local', root: '/srv' } as const;

  it('names the members that changed', async () => {
    await createPartner(context, { name: 'owner' });
    const { id } = await createEndpoint(context, { name: 'disk', settings });
    const moved = await updateEndpoint(context, 'disk', {
      partner: 'owner',
      settings: { kind: 'local', root: '/data' },
    });
    expect(moved).toMatchObject({ settings: { root: '/data' }, partner: { name: 'owner' } });
    const { items } = await listAuditEvents(context.database, { limit: 1 }, { subjectId: id });
    expect(JSON.parse(items[0]?.data ?? '')).toMatchObject({
      changed: ['partnerId', 'settings'],
      root: '/data',
    });
  });

  it('keeps its kind, and its partner must exist', async () => {
    await createEndpoint(context, { name: 'fixed', settings });
    const sftp = (await makeSftp('other')).settings;
    expect(await refusal(updateEndpoint(context, 'fixed', { settings: sftp }))).toEqual({
      code: 'invalid',
      field: '/settings/kind',
    });
    expect(await refusal(createEndpoint(context, { name: 'x', settings, partner: 'nobody' }))).toEqual({
      code: 'invalid',
      field: '/partner',
    });
    expect((await refusal(updateEndpoint(context, 'none', {}))).code).toBe('not-found');
  });

  it('requires no proof that nobody could give, and its event says what it requires', async () => {
    const field = '/settings/minimumAssurance';
    const unprovable = { ...settings, minimumAssurance: 'remote-hash' } as const;
    expect(await refusal(createEndpoint(context, { name: 'proven', settings: unprovable }))).toEqual({
      code: 'invalid',
      field,
    });
    const { id } = await createEndpoint(context, { name: 'proven', settings });
    expect((await refusal(updateEndpoint(context, 'proven', { settings: unprovable }))).field).toBe(field);
    await updateEndpoint(context, 'proven', { settings: { ...settings, minimumAssurance: 'none' } });
    const { items } = await listAuditEvents(context.database, { limit: 1 }, { subjectId: id });
    expect(JSON.parse(items[0]?.data ?? '')).toMatchObject({ minimumAssurance: 'none' });
  });
});

describe('a host key', () => {
  it('is trusted while active or retiring, and is there once', async () => {
    const endpoint = await makeSftp('keyed');
    const key = await addHostKey(context, endpoint.name, ED25519, 'proposed');
    expect(await trustedHostKeys(context.database, endpoint.id)).toEqual([]);
    await changeHostKeyState(context, key.id, 'active');
    expect(await trustedHostKeys(context.database, endpoint.id)).toHaveLength(1);
    await changeHostKeyState(context, key.id, 'revoked');
    expect(await trustedHostKeys(context.database, endpoint.id)).toEqual([]);
    expect((await refusal(addHostKey(context, endpoint.id, ED25519))).code).toBe('conflict');
    expect(await refusal(addHostKey(context, endpoint.id, 'nonsense'))).toEqual({
      code: 'invalid',
      field: '/key',
    });
    expect(await eventsOf(context.database, endpoint.id)).toEqual([
      'endpoint.created',
      'host-key.added',
      'host-key.state-changed',
      'host-key.state-changed',
    ]);
  });
});

describe('a host key that a server announces', () => {
  it('is proposed once, with an audit event, and leaves the state of known keys alone', async () => {
    const endpoint = await makeSftp('announcing');
    const revoked = await addHostKey(context, endpoint.name, ED25519, 'revoked');
    const other = parseHostKey(
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOC9gDsKpwjKDcbgPYs3ZbGkFXCEnGGGJnn7cQCXhv9z',
    );
    const announced = [parseHostKey(ED25519), other];
    await Promise.all([1, 2].map(() => proposeHostKeys(context, endpoint, announced)));
    await proposeHostKeys(context, endpoint, announced);
    const keys = await listHostKeys(context.database, endpoint.id);
    expect(keys.map(({ fingerprint, state }) => [fingerprint, state])).toEqual([
      [revoked.fingerprint, 'revoked'],
      [other.fingerprint, 'proposed'],
    ]);
    expect(await trustedHostKeys(context.database, endpoint.id)).toEqual([]);
    expect((await eventsOf(context.database, endpoint.id)).slice(-2)).toEqual([
      'host-key.added',
      'host-key.added',
    ]);
  });
});

describe('a credential', () => {
  const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the key'));

  it('is sealed, replaced whole, and leaves nothing of itself in the log', async () => {
    const endpoint = await makeSftp('secretive');
    await setCredential(context, endpoint.id, { kind: 'password', password: 'first' }, vault);
    const password = 'correct horse battery staple';
    const shown = await setCredential(
      context,
      endpoint.name,
      { kind: 'keyboard-interactive', password },
      vault,
    );
    expect(shown.credential?.kind).toBe('keyboard-interactive');
    expect(await openCredential(context.database, endpoint.id, vault)).toEqual({
      kind: 'keyboard-interactive',
      password,
    });
    const rows = await context.database.prisma.$queryRaw<{ text: string }[]>`
      select (select string_agg(to_jsonb(c)::text, '') from credential c)
          || (select string_agg(to_jsonb(a)::text, '') from audit_event a) as text`;
    expect(rows[0]?.text).not.toContain('battery');
  });

  it('is of the kind that its endpoint takes', async () => {
    const settings: EndpointSettings = {
      ...{ kind: 's3', region: 'eu-central-1', bucket: 'exchange', root: '', pathStyle: false },
      ...{ allowPlainHttp: false, connectTimeoutMs: 20_000, operationTimeoutMs: 30_000 },
    };
    const bucket = await createEndpoint(context, { name: 'bucket', settings });
    const sftp = await makeSftp('no-bucket');
    const key = { kind: 'access-key', accessKeyId: 'AKIA', secretAccessKey: 'secret' } as const;
    await setCredential(context, bucket.id, key, vault);
    expect(await openCredential(context.database, bucket.id, vault)).toEqual(key);
    const refused = { code: 'invalid', field: '/kind' };
    expect(await refusal(setCredential(context, sftp.id, key, vault))).toEqual(refused);
    const password = { kind: 'password', password: 'secret' } as const;
    expect(await refusal(setCredential(context, bucket.id, password, vault))).toEqual(refused);
  });
});

describe('a transfer', () => {
  it('gets a new version only when its definition changes, and old versions stay', async () => {
    const transfer = await makeTransfer(context, 'versioned');
    expect(transfer).toMatchObject({ kind: 'pull', currentVersion: 1, enabled: true });
    expect((await updateTransfer(context, 'versioned', { enabled: false })).currentVersion).toBe(1);
    const definition = { ...transfer.definition, conflict: 'fail' } as const;
    const second = await updateTransfer(context, 'versioned', { definition, enabled: true });
    expect(second).toMatchObject({ currentVersion: 2, definition: { conflict: 'fail' } });
    expect((await updateTransfer(context, 'versioned', { definition })).currentVersion).toBe(2);
    expect((await findTransferVersion(context.database, transfer.versionId))?.definition.conflict).toBe(
      'replace',
    );
    const versions = await listTransferVersions(context.database, transfer.id, { limit: 10 });
    expect(versions.items.map(({ number }) => number)).toEqual([2, 1]);
  });

  it('numbers versions one after the other when many change it at once', async () => {
    const { id, definition } = await makeTransfer(context, 'busy');
    await Promise.all(
      [1, 2, 3, 4, 5, 6].map((n) =>
        updateTransfer(context, id, { definition: { ...definition, concurrency: 10 + n } }),
      ),
    );
    const versions = await listTransferVersions(context.database, id, { limit: 10 });
    expect(versions.items.map(({ number }) => number)).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });

  it('is refused where it claims or makes sets in a way that contradicts itself', async () => {
    const good = await makeDefinition(context, 'torn');
    const fieldOf = async (change: Partial<typeof good>) =>
      (await refusal(createTransfer(context, { name: 'torn', definition: { ...good, ...change } }))).field;
    const source = (more: object) => ({ source: { ...good.source, ...more } });
    for (const suffix of ['processing', '.', '.a/b', '.waybill-0123456789ab'])
      expect(await fieldOf(source({ claim: { suffix } }))).toBe('/definition/source/claim/suffix');
    expect(await fieldOf(source({ claim: { directory: good.source.directory } }))).toBe(
      '/definition/source/claim/directory',
    );
    expect(await fieldOf({ set: { controlFile: '/(/' } })).toBe('/definition/set/controlFile');
    expect(await fieldOf({ ...source({ selection: { atMostFiles: 2 } }), set: {} })).toBe('/definition/set');
  });

  it('is refused where the conflict rule goes with nothing else that it says', async () => {
    const good = await makeDefinition(context, 'at-odds');
    const fieldOf = async (change: Partial<typeof good>) =>
      (await refusal(createTransfer(context, { name: 'at-odds', definition: { ...good, ...change } }))).field;
    const target = { ...good.target, renameSuffix: '_{n}' };
    const doneFile = { name: '{name}.done', afterwards: 'move' } as const;
    const source = { ...good.source, selection: { doneFile } };
    expect(await fieldOf({ target })).toBe('/definition/target/renameSuffix');
    expect(await fieldOf({ target: { ...target, renameSuffix: '/' }, conflict: 'rename' })).toBe(
      '/definition/target/renameSuffix',
    );
    expect(await fieldOf({ source, conflict: 'rename' })).toBe('/definition/conflict');
    expect(
      await createTransfer(context, { name: 'fits', definition: { ...good, target, conflict: 'rename' } }),
    ).toMatchObject({ definition: { target, conflict: 'rename' } });
  });

  it('is refused where files can not be appended to each other', async () => {
    const good = { ...(await makeDefinition(context, 'appends')), conflict: 'append' as const };
    const define = (change: Partial<typeof good>) =>
      createTransfer(context, { name: 'appends', definition: { ...good, ...change } });
    const refusedAt = async (change: Parameters<typeof define>[0]) => (await refusal(define(change))).field;
    const at = async (name: string, settings: Parameters<typeof createEndpoint>[1]['settings']) => {
      const { id: endpointId } = await createEndpoint(context, { name, settings });
      return { target: { ...good.target, endpointId } };
    };
    const bucket = {
      ...{ kind: 's3' as const, region: 'eu', bucket: 'exchange', root: '', pathStyle: false },
      ...{ allowPlainHttp: false, connectTimeoutMs: 1_000, operationTimeoutMs: 1_000 },
    };
    const inPlace = { kind: 'local' as const, root: '/srv/in', partNaming: { kind: 'none' as const } };
    const checksumFile = { name: '{name}.sha256', algorithm: 'sha256' } as const;
    const doneFile = { name: '{name}.done', afterwards: 'move' } as const;
    for (const change of [
      { set: {} },
      { transforms: [{ kind: 'zip' as const }] },
      { target: { ...good.target, checksumFile } },
      { target: { ...good.target, acknowledgement: { name: '{name}.ack', timeoutMs: 60_000 } } },
      { source: { ...good.source, selection: { doneFile } } },
      await at('appends-to-objects', bucket),
      await at('appends-in-place', inPlace),
    ])
      expect(await refusedAt(change)).toBe('/definition/conflict');
    const transforms = [{ kind: 'gzip' as const }];
    expect(await define({ transforms })).toMatchObject({ definition: { conflict: 'append', transforms } });
  });

  it('of a set, or with a rule for duplicates, is refused where files are written under their final names', async () => {
    const good = await makeDefinition(context, 'sets');
    const settings = { kind: 'local' as const, root: '/srv/in', partNaming: { kind: 'none' as const } };
    const { id: endpointId } = await createEndpoint(context, { name: 'sets-in-place', settings });
    const definition = { ...good, set: {}, target: { ...good.target, endpointId } };
    const { field } = await refusal(createTransfer(context, { name: 'sets', definition }));
    expect(field).toBe('/definition/set');
    const { set: _, ...others } = definition;
    const guarded = { ...others, duplicates: { withinDays: 1, action: 'skip' as const } };
    expect(await refusal(createTransfer(context, { name: 'sets', definition: guarded }))).toMatchObject({
      field: '/definition/duplicates',
    });
  });

  it('is refused where files can have no such mode', async () => {
    const good = await makeDefinition(context, 'modes');
    const settings = {
      kind: 's3' as const,
      ...{ region: 'eu', bucket: 'exchange', root: '', pathStyle: false, allowPlainHttp: false },
      ...{ connectTimeoutMs: 1_000, operationTimeoutMs: 1_000 },
    };
    const { id: endpointId } = await createEndpoint(context, { name: 'modes-bucket', settings });
    const create = (change: Partial<typeof good>) =>
      createTransfer(context, { name: 'modes', definition: { ...good, ...change } });
    const withMode = (mode: string, target = good.target) => ({ target: { ...target, mode } });
    const bucket = { ...good.target, endpointId };
    for (const change of [
      withMode('0888'),
      withMode('0640', bucket),
      { source: { ...good.source, endpointId }, ...withMode('preserve') },
    ])
      expect((await refusal(create(change))).field).toBe('/definition/target/mode');
    expect(await create(withMode('preserve'))).toMatchObject({ definition: withMode('preserve') });
  });

  it('is refused with the field at fault', async () => {
    const good = await makeDefinition(context, 'faulty');
    const create = (definition: typeof good) =>
      refusal(createTransfer(context, { name: 'faulty', definition }));
    const { source, target } = good;
    expect(await create({ ...good, source: { ...source, include: ['*.csv', 'a/b'] } })).toEqual({
      code: 'invalid',
      field: '/definition/source/include/1',
    });
    const sums = { name: '{stem}.md5', algorithm: 'md5' } as const;
    expect(
      await create({ ...good, disposition: { kind: 'delete' }, source: { ...source, checksumFile: sums } }),
    ).toMatchObject({ code: 'invalid', field: '/definition/source/checksumFile/name' });
    const acknowledgement = { name: '{name}', timeoutMs: 1_000 };
    expect(await create({ ...good, target: { ...good.target, acknowledgement } })).toMatchObject({
      code: 'invalid',
      field: '/definition/target/acknowledgement/name',
    });
    expect(await create({ ...good, source: { ...source, selection: { minBytes: 2, maxBytes: 1 } } })).toEqual(
      {
        code: 'invalid',
        field: '/definition/source/selection/maxBytes',
      },
    );
    expect(await create({ ...good, target: { ...target, name: '{nam}' } })).toEqual({
      code: 'invalid',
      field: '/definition/target/name',
    });
    expect(await create({ ...good, source: { ...source, endpointId: newId() } })).toEqual({
      code: 'invalid',
      field: '/definition/source/endpointId',
    });
    expect(await create({ ...good, source: { ...source, endpointId: target.endpointId } })).toEqual({
      code: 'invalid',
      field: '/definition/target/endpointId',
    });
  });

  it('asks for at least the proof that its target requires, or leaves that to the target', async () => {
    const good = await makeDefinition(context, 'proof');
    const settings = { kind: 'local', root: '/srv/in', minimumAssurance: 'read-back' } as const;
    await updateEndpoint(context, good.target.endpointId, { settings });
    const { verification: _, ...silent } = good;
    const field = '/definition/verification';
    for (const verification of ['none', 'size', 'remote-hash'] as const)
      expect(
        await refusal(createTransfer(context, { name: 'proof', definition: { ...good, verification } })),
      ).toEqual({ code: 'invalid', field });
    const { definition } = await createTransfer(context, { name: 'proof', definition: silent });
    expect(definition.verification).toBeUndefined();
    const asked = await updateTransfer(context, 'proof', {
      definition: { ...good, verification: 'read-back' },
    });
    expect(asked.definition.verification).toBe('read-back');
  });
});

describe('a schedule', () => {
  it('knows its next due time while it is enabled', async () => {
    await makeTransfer(context, 'scheduled');
    const now = new Date('2026-03-01T10:00:00Z');
    const input = { name: 'daily', transfer: 'scheduled', cron: '0 6 * * *', timeZone: 'Europe/Berlin' };
    const schedule = await createSchedule(context, input, now);
    expect(schedule.nextDueAt?.toISOString()).toBe('2026-03-02T05:00:00.000Z');
    expect((await updateSchedule(context, 'daily', { enabled: false }, now)).nextDueAt).toBeUndefined();
    const later = new Date('2026-05-01T10:00:00Z');
    const enabled = await updateSchedule(context, 'daily', { enabled: true }, later);
    expect(enabled.nextDueAt?.toISOString()).toBe('2026-05-02T04:00:00.000Z');
  });

  it('is refused with the field at fault', async () => {
    const good = { name: 'bad', transfer: 'scheduled', cron: '0 6 * * *', timeZone: 'UTC' };
    expect((await refusal(createSchedule(context, { ...good, cron: '61 * * * *' }))).field).toBe('/cron');
    expect((await refusal(createSchedule(context, { ...good, timeZone: 'Mars' }))).field).toBe('/timeZone');
    expect((await refusal(createSchedule(context, { ...good, transfer: 'none' }))).field).toBe('/transfer');
  });
});

describe('an API key', () => {
  it('opens the door until it is revoked or has expired', async () => {
    const { record, key } = await createApiKey(context, { name: 'ci', scopes: ['read', 'operate'] });
    expect(key).toMatch(/^wb_[0-9a-f]{8}_[\w-]{43}$/);
    expect(await authenticate(context.database, key)).toMatchObject({
      id: record.id,
      scopes: ['read', 'operate'],
    });
    expect((await authenticate(context.database, key))?.lastUsedAt).toBeInstanceOf(Date);
    expect(
      await authenticate(context.database, `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`),
    ).toBeUndefined();
    await revokeApiKey(context, 'ci');
    expect(await authenticate(context.database, key)).toBeUndefined();
    expect((await revokeApiKey(context, record.id)).revokedAt).toBeInstanceOf(Date);
    expect(await eventsOf(context.database, record.id)).toEqual(['api-key.created', 'api-key.revoked']);

    const expiresAt = new Date(Date.now() - 1000);
    const expired = await createApiKey(context, { name: 'old', scopes: ['read'], expiresAt });
    expect(await authenticate(context.database, expired.key)).toBeUndefined();
    expect((await refusal(createApiKey(context, { name: 'ci', scopes: ['read'] }))).code).toBe('conflict');
  });
});

it('records a denied request with where it came from, and no secret out of its path', async () => {
  const actor = { kind: 'anonymous', name: 'anonymous', address: '192.0.2.7', requestId: 'r-1' } as const;
  const path = '/api/v1/runs/wb_01234567_abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq';
  await recordDenied({ ...context, actor }, { method: 'GET', path, status: 401, reason: 'no API key' });
  const { items } = await listAuditEvents(context.database, { limit: 1 }, { outcome: 'denied' });
  expect(items[0]).toMatchObject({ type: 'request.denied', actorKind: 'anonymous', requestId: 'r-1' });
  expect(isIP(items[0]?.address ?? '')).toBe(4);
  expect(JSON.parse(items[0]?.data ?? '')).toMatchObject({ path: '/api/v1/runs/wb_…', status: 401 });
});

async function makeSftp(name: string) {
  const { source } = await makeDefinition(context, name);
  return await updateEndpoint(context, source.endpointId, {});
}
