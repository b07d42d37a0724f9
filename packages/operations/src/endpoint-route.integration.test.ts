import { randomBytes } from 'node:crypto';
import { type Endpoint, findRun, isForeignKeyViolation, listAuditEvents } from '@waybill/db';
import type { RouteSettings } from '@waybill/domain';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCredential, setProxyPassword } from './credentials.js';
import { createEndpoint, updateEndpoint } from './define-endpoint.js';
import { finishAttempt } from './finish-attempt.js';
import { addHostKey } from './host-keys.js';
import {
  makeTransfer,
  openTestContext,
  sftpSettings,
  startedRun,
  type TestContext,
} from './testing/exchange.js';
import { triggerRun } from './trigger-run.js';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt';

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());

function sftp(route?: RouteSettings) {
  return { ...sftpSettings, route };
}
const via = (endpointId: string): RouteSettings => ({ kind: 'jump', endpointId });
const make = (name: string, route?: RouteSettings): Promise<Endpoint> =>
  createEndpoint(context, { name, settings: sftp(route) });
const field = '/settings/route/endpointId';

describe('a jump host', () => {
  it('is kept by its id, whatever it was given by, and told in the audit log', async () => {
    const bastion = await make('bastion');
    const behind = await make('behind', via('bastion'));
    expect(behind.settings).toMatchObject({ route: via(bastion.id) });
    const [event] = (await listAuditEvents(context.database, { limit: 1 }, { subjectId: behind.id })).items;
    expect(event?.data).toContain(`"route":"jump:${bastion.id}"`);
  });

  it('has to be another SFTP endpoint', async () => {
    await createEndpoint(context, { name: 'a-directory', settings: { kind: 'local', root: '/srv' } });
    await expect(make('x', via('nobody'))).rejects.toMatchObject({ code: 'invalid', field });
    await expect(make('x', via('a-directory'))).rejects.toMatchObject({ code: 'invalid', field });
    const self = await make('self');
    await expect(updateEndpoint(context, 'self', { settings: sftp(via(self.id)) })).rejects.toMatchObject({
      code: 'invalid',
      field,
      message: 'endpoint self cannot be its own jump host',
    });
  });

  it('leads neither in a circle nor through more than three others, from whichever end it is made', async () => {
    for (const [name, next] of [['hop-1'], ['hop-2', 'hop-1'], ['hop-3', 'hop-2'], ['end', 'hop-3']])
      await make(name ?? '', next ? via(next) : undefined);
    await expect(make('too-far', via('end'))).rejects.toMatchObject({
      field,
      message: '4 jump hosts would stand one behind the other; 3 are the most',
    });
    await make('hop-0');
    await expect(updateEndpoint(context, 'hop-1', { settings: sftp(via('hop-0')) })).rejects.toMatchObject({
      field,
      message: expect.stringContaining('4 jump hosts'),
    });
    await expect(updateEndpoint(context, 'hop-1', { settings: sftp(via('end')) })).rejects.toMatchObject({
      field,
      message: expect.stringContaining('leads through hop-1 itself'),
    });
  });

  it('cannot be removed while one is behind it', async () => {
    const bastion = await make('needed');
    const behind = await make('needy', via('needed'));
    const remove = context.database.prisma.endpoint.delete({ where: { id: bastion.id } });
    expect(await remove.catch((error: unknown) => isForeignKeyViolation(error))).toBe(true);
    await updateEndpoint(context, behind.id, { settings: sftp() });
    await context.database.prisma.endpoint.delete({ where: { id: bastion.id } });
  });

  it('lets go of the runs behind it that were held for its host key', async () => {
    const transfer = await makeTransfer(context);
    await make('outer');
    await make('inner', via('outer'));
    await updateEndpoint(context, transfer.definition.source.endpointId, { settings: sftp(via('inner')) });
    const { run } = await triggerRun(context, { transferId: transfer.id });
    const failure = {
      code: 'host-key-unknown',
      message: 'of jump host ssh://acme@sftp.example.com',
    } as const;
    await finishAttempt(context, await startedRun(context, { run }), { kind: 'hold', failure });
    await addHostKey(context, 'outer', ED25519);
    expect((await findRun(context.database, run.id))?.state).toBe('queued');
  });
});

describe("a proxy's password", () => {
  const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the key'));
  const proxy = { kind: 'socks5', host: 'proxy.example', port: 1080, username: 'us' } as const;
  const opened = (endpoint: Endpoint) => openCredential(context.database, endpoint.id, vault, 'proxy');

  it('is sealed beside the credential of the account, and stands in no event', async () => {
    const endpoint = await make('proxied', proxy);
    const shown = await setProxyPassword(context, 'proxied', 'open sesame', vault);
    expect(shown).toMatchObject({ credential: undefined, proxyCredential: { kind: 'password' } });
    expect(await opened(endpoint)).toEqual({ kind: 'password', password: 'open sesame' });
    const { items } = await listAuditEvents(context.database, { limit: 10 }, { subjectId: endpoint.id });
    expect(items.map(({ type }) => type)).toEqual(['credential.set', 'endpoint.created']);
    expect(JSON.stringify(items)).toContain('socks5://us@proxy.example:1080');
    expect(JSON.stringify(items)).not.toContain('sesame');
  });

  it('goes with the proxy that it is for, and stays through other changes', async () => {
    const endpoint = await make('moving', proxy);
    await setProxyPassword(context, endpoint.id, 'open sesame', vault);
    await updateEndpoint(context, endpoint.id, { settings: { ...sftp(proxy), port: 2222 } });
    expect(await opened(endpoint)).toBeDefined();
    const elsewhere = { ...proxy, host: 'somebody-else.example' };
    const moved = await updateEndpoint(context, endpoint.id, { settings: sftp(elsewhere) });
    expect(moved.proxyCredential).toBeUndefined();
    expect(await opened(endpoint)).toBeUndefined();
    const [event] = (await listAuditEvents(context.database, { limit: 1 }, { subjectId: endpoint.id })).items;
    expect(event?.data).toContain('"changed":["settings","proxyCredential"]');
  });

  it.each([
    ['no route', undefined],
    ['a proxy without a user name', { kind: 'http-connect', host: 'proxy.example', port: 3128 }],
  ] as [string, RouteSettings | undefined][])('is refused where there is %s', async (name, route) => {
    const endpoint = await make(name.replaceAll(' ', '-'), route);
    await expect(setProxyPassword(context, endpoint.id, 'x', vault)).rejects.toMatchObject({
      code: 'invalid',
    });
  });
});
