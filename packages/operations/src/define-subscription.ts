import { randomBytes } from 'node:crypto';
import {
  appendAuditEvent,
  findPartner,
  findSubscription,
  insertSubscription,
  type Subscription,
  saveSubscription,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type ChannelSettings, type Id, newId } from '@waybill/domain';
import type { Vault } from '@waybill/secrets';
import { changedMembers } from './changed.js';
import type { Context } from './context.js';
import { notFound, OperationError, withUniqueName } from './operation-error.js';

export interface SubscriptionInput {
  readonly name: string;
  readonly settings: ChannelSettings;
  readonly events: readonly string[];
  /** Null: of everybody. */
  readonly partnerId?: Id | null | undefined;
  readonly enabled?: boolean | undefined;
}

/**
 * The secret of a webhook is made here, and this is the only time that it is seen: 256 random bits in the form of the
 * Standard Webhooks specification. Mail has none.
 * @throws OperationError `conflict` if the name is taken, `not-found` if there is no such partner
 */
export async function createSubscription(
  { database, actor }: Context,
  input: SubscriptionInput,
  vault: Vault,
): Promise<{ readonly record: Subscription; readonly secret: string | undefined }> {
  const { name, settings, events, partnerId = null, enabled = true } = input;
  return await transaction(database, async (tx) => {
    await checkPartner(tx, partnerId);
    const id = newId();
    const secret = settings.kind === 'webhook' ? newSecret() : undefined;
    const envelope = secret === undefined ? undefined : seal(id, secret, vault);
    const values = { name, settings, events, partnerId, enabled, envelope };
    const record = await withUniqueName('subscription', name, () => insertSubscription(tx, id, values));
    await appendAuditEvent(tx, actor, {
      type: 'subscription.created',
      subject: { kind: 'subscription', id },
      data: dataOf(record),
    });
    return { record, secret };
  });
}

/**
 * Members left out stay as they are; the kind of channel stays in any case. A change counts for what happens from now on.
 * @throws OperationError `not-found`, `conflict` if the name is taken, `invalid` for another kind
 */
export async function updateSubscription(
  { database, actor }: Context,
  idOrName: string,
  input: Partial<SubscriptionInput>,
): Promise<Subscription> {
  return await transaction(database, async (tx) => {
    const found = await findSubscription(tx, idOrName);
    if (!found) throw notFound('subscription', idOrName);
    if (input.settings && input.settings.kind !== found.kind)
      throw new OperationError(
        'invalid',
        `subscription ${found.name} is of kind ${found.kind} and stays so; make another one for ${input.settings.kind}`,
        { field: '/settings/kind' },
      );
    const before = { ...found, partnerId: found.partner?.id ?? null };
    const changed = changedMembers<SubscriptionInput>(before, input);
    if (changed.length === 0) return found;
    if (input.partnerId) await checkPartner(tx, input.partnerId);
    const { name = before.name, settings = before.settings, events = before.events } = input;
    const { partnerId = before.partnerId, enabled = before.enabled } = input;
    const values = { name, settings, events, partnerId, enabled, envelope: found.envelope };
    const saved = await withUniqueName('subscription', name, () => saveSubscription(tx, found.id, values));
    await appendAuditEvent(tx, actor, {
      type: 'subscription.updated',
      subject: { kind: 'subscription', id: saved.id },
      data: { ...dataOf(saved), changed },
    });
    return saved;
  });
}

/**
 * Replaces the secret of a webhook: what is sent from now on is signed with the new one.
 * @throws OperationError `not-found`, `invalid` if it is no webhook
 */
export async function renewSubscriptionSecret(
  { database, actor }: Context,
  idOrName: string,
  vault: Vault,
): Promise<{ readonly record: Subscription; readonly secret: string }> {
  return await transaction(database, async (tx) => {
    const found = await findSubscription(tx, idOrName);
    if (!found) throw notFound('subscription', idOrName);
    if (found.kind !== 'webhook')
      throw new OperationError(
        'invalid',
        `subscription ${found.name} is no webhook: nothing of it is signed`,
      );
    const { name, settings, events, partner, enabled } = found;
    const secret = newSecret();
    const envelope = seal(found.id, secret, vault);
    const values = { name, settings, events, partnerId: partner?.id ?? null, enabled, envelope };
    const record = await saveSubscription(tx, found.id, values);
    await appendAuditEvent(tx, actor, {
      type: 'subscription.secret-renewed',
      subject: { kind: 'subscription', id: found.id },
      data: { name },
    });
    return { record, secret };
  });
}

/** For whoever is about to sign. @throws SecretRefused */
export function openSigningSecret({ id, envelope }: Subscription, vault: Vault): string {
  if (!envelope) throw new Error(`subscription ${id} has no secret`);
  return Buffer.from(vault.open(envelope, sealContext(id))).toString('utf8');
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

function seal(id: Id, secret: string, vault: Vault): Uint8Array {
  return vault.seal(Buffer.from(secret), sealContext(id));
}

/** Binds an envelope to its row, so that it is worth nothing in another one. */
function sealContext(id: Id): string {
  return `subscription:${id}`;
}

async function checkPartner(tx: Transaction, partnerId: Id | null): Promise<void> {
  if (partnerId !== null && !(await findPartner(tx, partnerId)))
    throw notFound('partner', partnerId, '/partnerId');
}

function dataOf({ name, kind, settings, events, partner, enabled }: Subscription) {
  const to = settings.kind === 'webhook' ? [new URL(settings.url).origin] : settings.to;
  return { name, kind, to, events, enabled, ...(partner && { partnerId: partner.id }) };
}
