import {
  appendAuditEvent,
  findSubscription,
  leaseNotifications,
  listAuditEvents,
  listNotifications,
  markNotificationDelivered,
  type Notification,
  openDatabase,
  transaction,
} from '@waybill/db';
import type { ChannelSettings } from '@waybill/domain';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createEndpoint } from './define-endpoint.js';
import { createPartner } from './define-partner.js';
import {
  createSubscription,
  openSigningSecret,
  renewSubscriptionSecret,
  updateSubscription,
} from './define-subscription.js';
import { createTransfer } from './define-transfer.js';
import { finishNotification, replayNotification } from './notifications.js';
import { planNotifications } from './plan-notifications.js';
import { makeDefinition, openTestContext, sftpSettings, type TestContext } from './testing/exchange.js';
import { triggerRun } from './trigger-run.js';

const vault = createVault(parseMasterKey(Buffer.alloc(32, 3).toString('base64'), 'the test'));
const webhook: ChannelSettings = {
  kind: 'webhook',
  url: 'https://hooks.example.com/a',
  allowPrivateAddresses: false,
};
const mail: ChannelSettings = { kind: 'mail', to: ['a@example.com'], foldSeconds: 300 };

let context: TestContext;
let now: Date;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());
beforeEach(async () => {
  now = new Date();
  await planAll();
});

async function planAll(): Promise<void> {
  while ((await planNotifications(context.database, { now, limit: 50 })) > 0);
}

async function subscribe(name: string, settings: ChannelSettings, events: string[], partnerId?: string) {
  const { record } = await createSubscription(context, { name, settings, events, partnerId }, vault);
  return record;
}

/** Something of which there may be any number. */
async function happen(count = 1): Promise<void> {
  for (let i = 0; i < count; i++)
    await transaction(context.database, (tx) =>
      appendAuditEvent(tx, context.actor, {
        type: 'service.started',
        subject: { kind: 'service', id: 'test' },
        data: { version: String(i) },
      }),
    );
}

async function toldTo(subscriptionId: string): Promise<Notification[]> {
  return (await listNotifications(context.database, { limit: 200 }, { subscriptionId })).items.reverse();
}

it('tells each event once, in order, however many schedulers look', async () => {
  const { id } = await subscribe('every-start', webhook, ['service.*']);
  await happen(40);
  const others = await Promise.all([1, 2, 3].map(() => openDatabase({ url: context.url })));
  try {
    const look = async (database: (typeof others)[number]) => {
      for (let i = 0; i < 20; i++) await planNotifications(database, { now, limit: 7 });
    };
    await Promise.all(others.map(look));
    await planAll();
  } finally {
    await Promise.all(others.map((database) => database.close()));
  }
  const seqs = (await toldTo(id)).flatMap(({ events }) => events);
  expect(seqs).toHaveLength(40);
  expect(new Set(seqs).size).toBe(40);
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
});

it('tells nothing of what was before, of other types, or while it is disabled', async () => {
  await happen();
  const { id } = await subscribe('from-now-on', webhook, ['service.started', 'run.failed']);
  await planAll();
  expect(await toldTo(id)).toEqual([]);
  await updateSubscription(context, id, { enabled: false });
  await happen();
  await planAll();
  await updateSubscription(context, id, { enabled: true });
  await planAll();
  expect(await toldTo(id)).toEqual([]);
  await happen();
  await planAll();
  expect(await toldTo(id)).toHaveLength(1);
});

it('tells a partner’s subscriber of what concerns that partner alone', async () => {
  const acme = await createPartner(context, { name: 'acme' });
  const other = await createPartner(context, { name: 'other' });
  const ofAcme = await subscribe('of-acme', webhook, ['run.*', 'endpoint.*', 'transfer.*'], acme.id);
  const ofOther = await subscribe('of-other', webhook, ['*'], other.id);
  const source = await createEndpoint(context, {
    name: 'acme-sftp',
    partner: 'acme',
    settings: sftpSettings,
  });
  const definition = await makeDefinition(context, 'acme-in');
  const transfer = await createTransfer(context, {
    name: 'acme-in',
    definition: { ...definition, source: { ...definition.source, endpointId: source.id } },
  });
  await triggerRun(context, { transferId: transfer.id });
  await planAll();
  const events = await listAuditEvents(context.database, { limit: 200 });
  const typeOf = new Map(events.items.map(({ seq, type }) => [seq, type]));
  const told = (await toldTo(ofAcme.id)).flatMap((message) => message.events.map((seq) => typeOf.get(seq)));
  expect(told).toEqual(['endpoint.created', 'transfer.created', 'run.triggered']);
  expect(await toldTo(ofOther.id)).toEqual([]);
});

it('folds a storm into one message, and the first goes out at once', async () => {
  const { id } = await subscribe('storm', mail, ['service.started']);
  await happen(1);
  await planAll();
  const [first] = await toldTo(id);
  expect(first?.notBefore).toEqual(now);
  await markNotificationDelivered(context.database, first?.id ?? '', undefined);
  await happen(100);
  await planAll();
  const [, second, ...more] = await toldTo(id);
  expect(second?.events).toHaveLength(100);
  expect(second?.notBefore).toEqual(new Date(now.getTime() + 300_000));
  expect(more).toEqual([]);
});

it('gathers a day for a digest', async () => {
  const digest = { at: '07:00', timeZone: 'Europe/Berlin' };
  const { id } = await subscribe('daily', { ...mail, digest }, ['service.started']);
  now = new Date('2026-03-28T12:00:00Z');
  await happen(3);
  await planAll();
  const messages = await toldTo(id);
  expect(messages.map(({ events }) => events.length)).toEqual([3]);
  // The clocks went forward in the night.
  expect(messages[0]?.notBefore).toEqual(new Date('2026-03-29T05:00:00Z'));
});

it('tries again later and later, gives up with an audit event, and a person has it sent again', async () => {
  const { id } = await subscribe('down', webhook, ['service.*', 'notification.*', 'subscription.*']);
  await happen();
  await planAll();
  const waits: number[] = [];
  for (;;) {
    const [message] = await toldTo(id);
    if (message?.state !== 'pending') break;
    const result = {
      kind: 'refused',
      status: 503,
      error: 'password=hunter2 was wrong',
      permanent: false,
    } as const;
    await finishNotification(context, message, result, now);
    const [after] = await toldTo(id);
    if (after?.state === 'pending') waits.push((after.notBefore.getTime() - now.getTime()) / 1000);
  }
  expect(waits).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
  const [dead] = await toldTo(id);
  expect(dead).toMatchObject({ state: 'dead', failures: 10, lastStatus: 503 });
  expect(dead?.lastError).not.toContain('hunter2');
  const { items } = await listAuditEvents(context.database, { limit: 5 }, { type: 'notification.given-up' });
  expect(items).toHaveLength(1);
  // Its own trouble is not told to it.
  await planAll();
  expect(await toldTo(id)).toHaveLength(1);

  const replay = await replayNotification(context, dead?.id ?? '');
  expect(replay).toMatchObject({ state: 'pending', events: dead?.events });
  await expect(replayNotification(context, replay.id)).rejects.toMatchObject({ code: 'state' });
});

it('leases a message to one sender, and to another one once the first is silent', async () => {
  const { id } = await subscribe('leased', webhook, ['service.started']);
  await happen(5);
  await planAll();
  const lease = (leaseMs: number) => leaseNotifications(context.database, { limit: 1000, leaseMs });
  const mine = (messages: Notification[]) => messages.filter(({ subscriptionId }) => subscriptionId === id);
  const [one, two] = await Promise.all([lease(0), lease(0)]);
  expect(mine([...(one ?? []), ...(two ?? [])]).length).toBeGreaterThanOrEqual(5);
  expect(mine(await lease(60_000))).toHaveLength(5);
  expect(mine(await lease(60_000))).toHaveLength(0);
});

it('keeps the signing key sealed, bound to its row, and renews it', async () => {
  const { record, secret } = await createSubscription(
    context,
    { name: 'signed', settings: webhook, events: ['*'] },
    vault,
  );
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(openSigningSecret(record, vault)).toBe(secret);
  const renewed = await renewSubscriptionSecret(context, 'signed', vault);
  expect(renewed.secret).not.toBe(secret);
  const stored = await findSubscription(context.database, 'signed');
  expect(stored && openSigningSecret(stored, vault)).toBe(renewed.secret);
  expect(() => openSigningSecret({ ...record, id: '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10' }, vault)).toThrow();
  await updateSubscription(context, record.id, { enabled: false });
});

it('refuses another kind, a name that is taken, and a partner that is not there', async () => {
  const { id } = await subscribe('one', mail, ['*']);
  await expect(updateSubscription(context, id, { settings: webhook })).rejects.toMatchObject({
    code: 'invalid',
  });
  await expect(subscribe('one', mail, ['*'])).rejects.toMatchObject({ code: 'conflict' });
  await expect(subscribe('two', mail, ['*'], '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10')).rejects.toMatchObject({
    code: 'not-found',
  });
  await expect(renewSubscriptionSecret(context, id, vault)).rejects.toMatchObject({ code: 'invalid' });
});
