import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type HttpReceiver,
  type MailReceiver,
  startHttpReceiver,
  startMailReceiver,
} from '../packages/notify/src/testing/receivers.js';
import { Cleanup } from './support/cleanup.js';
import { defineExchange, type Exchange } from './support/exchange.js';
import { type Fleet, startFleet } from './support/fleet.js';
import { waybill } from './support/waybill.js';

const cleanup = new Cleanup();
let mail: MailReceiver;
let hooks: HttpReceiver;
let fleet: Fleet & AsyncDisposable;
let exchange: Exchange & AsyncDisposable;

beforeAll(async () => {
  mail = await startMailReceiver();
  cleanup.defer(() => mail[Symbol.asyncDispose]());
  hooks = await startHttpReceiver();
  cleanup.defer(() => hooks[Symbol.asyncDispose]());
  fleet = await startFleet('postgresql', {
    WAYBILL_SMTP_URL: mail.url,
    WAYBILL_MAIL_FROM: 'Waybill <waybill@example.com>',
  });
  cleanup.defer(() => fleet[Symbol.asyncDispose]());
  exchange = await defineExchange(fleet.api);
  cleanup.defer(() => exchange[Symbol.asyncDispose]());
});
afterAll(() => cleanup[Symbol.asyncDispose]());

async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) return expect.fail('it did not come in time');
  }
}

async function cli(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await waybill(fleet.api, args);
  expect(exitCode, stderr).toBe(0);
  return stdout;
}

it('a run that fails is told by mail and by signed webhook, also when the receiver was down in between', async () => {
  await cli('subscription', 'add-mail', 'desk', '--to', 'desk@example.com', '--event', 'run.failed');
  const made = JSON.parse(
    await cli(
      '--json',
      'subscription',
      'add-webhook',
      'erp',
      '--post-to',
      hooks.url,
      '--allow-private',
      '--event',
      'run.*',
    ),
  );
  hooks.answer = 503;

  await exchange.define('told', 'pull', {
    definition: {
      source: { endpointId: 'acme-sftp', directory: 'nowhere' },
      retry: { maxAttempts: 1, firstDelayMs: 0, maxDelayMs: 0 },
    },
  });
  const run = await fleet.api.settled((await fleet.api.run('told')).id);
  expect(run.state).toBe('failed');

  const message = await until(() => mail.messages[0]);
  expect(message).toMatch(/Subject: \[Waybill\] .* gave up a run of transfer told/);
  expect(message).toMatch(/not-found/);
  expect(message.replaceAll('=\r\n', '')).toContain(run.id);
  expect(mail.recipients).toEqual(['desk@example.com']);

  // Refused once, it is tried again after five seconds, with the same id.
  await until(async () => {
    const { items } = await fleet.api.get('/notifications?subscription=erp&state=pending');
    return items.length === 3 && items.every(({ failures }: { failures: number }) => failures > 0)
      ? true
      : undefined;
  });
  const refused = new Set(hooks.received.map(({ headers }) => headers['webhook-id']));
  hooks.answer = 204;
  hooks.received.length = 0;
  await until(() => (hooks.received.length >= 3 ? true : undefined));
  expect(new Set(hooks.received.map(({ headers }) => headers['webhook-id']))).toEqual(refused);

  const verifier = new Webhook(made.signingKey);
  const told = hooks.received.map(({ headers, body }) =>
    verifier.verify(body, headers as Record<string, string>),
  ) as {
    type: string;
    data: { seq: number; subject: { id: string }; details: { failureCode?: string } };
  }[];
  const inOrder = told.sort((a, b) => a.data.seq - b.data.seq);
  expect(inOrder.map(({ type }) => type)).toEqual(['run.triggered', 'run.started', 'run.failed']);
  expect(inOrder.every(({ data }) => data.subject.id === run.id)).toBe(true);
  expect(inOrder[2]?.data.details.failureCode).toBe('not-found');
  await until(async () => {
    const { items } = await fleet.api.get('/notifications?subscription=erp&state=delivered');
    return items.length === 3 ? true : undefined;
  });
  expect(mail.messages).toHaveLength(1);
});

it('the signature can be checked as docs/notifications.md says', async () => {
  const doc = await readFile('docs/notifications.md', 'utf8');
  const script = doc.match(/```sh\n(key=[\s\S]+?)```/)?.[1] ?? expect.fail('the page has no such example');
  const { signingKey } = JSON.parse(await cli('--json', 'subscription', 'renew-key', 'erp'));
  hooks.received.length = 0;
  await cli('subscription', 'test', 'erp');
  const { headers, body } = await until(() => hooks.received[0]);
  const { stdout } = await promisify(execFile)('sh', ['-c', script], {
    env: {
      ...process.env,
      WEBHOOK_KEY: signingKey,
      WEBHOOK_ID: String(headers['webhook-id']),
      WEBHOOK_TIMESTAMP: String(headers['webhook-timestamp']),
      BODY: body,
    },
  });
  expect(headers['webhook-signature']).toBe(`v1,${stdout.trim()}`);
});

it('what can never arrive is dead at once, says why, and is sent again when a person wants it', async () => {
  await cli(
    'subscription',
    'add-webhook',
    'inside',
    '--post-to',
    'http://127.0.0.1:1/',
    '--event',
    'partner.*',
  );
  await cli('partner', 'add', 'somebody');
  const dead = await until(async () => (await fleet.api.get('/notifications?state=dead')).items[0]);
  expect(dead.lastError).toMatch(/not an address of the public internet/);
  expect(await cli('notification', 'list', '--state', 'dead')).toMatch(/inside/);

  const { json } = await fleet.api.raw('PATCH', '/subscriptions/inside', {
    settings: { kind: 'webhook', url: hooks.url, allowPrivateAddresses: true },
  });
  expect(json.settings.url).toBe(hooks.url);
  hooks.received.length = 0;
  await cli('notification', 'replay', dead.id);
  const { body } = await until(() => hooks.received[0]);
  expect(JSON.parse(body)).toMatchObject({ type: 'partner.created', data: { subscription: 'inside' } });
  const types = (await fleet.api.all('/audit-events')).map(({ type }) => type);
  expect(types).toContain('notification.given-up');
  expect(types).toContain('notification.replayed');
});

it('bad input is refused with what is wrong', async () => {
  const refused = async (body: unknown) => {
    const { status, json } = await fleet.api.raw('POST', '/subscriptions', body);
    return [status, ...(json.errors ?? []).map(({ pointer }: { pointer: string }) => pointer)];
  };
  const mailTo = { kind: 'mail', to: ['a@example.com'] };
  expect(await refused({ name: 'x', settings: mailTo, events: ['failed'] })).toEqual([422, '/events/0']);
  expect(await refused({ name: 'x', settings: { ...mailTo, to: ['a'] }, events: ['*'] })).toEqual([
    422,
    '/settings/to/0',
  ]);
  expect(
    await refused({ name: 'x', settings: { kind: 'webhook', url: 'ftp://example.com' }, events: ['*'] }),
  ).toEqual([422, '/settings/url']);
  expect(
    await refused({
      name: 'x',
      settings: { ...mailTo, digest: { at: '25:00', timeZone: 'Mars/Base' } },
      events: ['*'],
    }),
  ).toEqual([422, '/settings/digest/at', '/settings/digest/timeZone']);
  expect(await refused({ name: 'x', settings: mailTo, events: ['*'], partnerId: 'nobody' })).toEqual([
    422,
    '/partnerId',
  ]);
  expect(await refused({ name: 'desk', settings: mailTo, events: ['*'] })).toEqual([409, '/name']);
});
