import { redactText } from '@waybill/audit';
import {
  appendAuditEvent,
  findNotification,
  findSubscription,
  insertNotification,
  markNotificationDelivered,
  markNotificationFailed,
  type Notification,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type Id, newId, nextTryAt } from '@waybill/domain';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';

/** What became of a try to send a message. */
export type SendResult =
  | { readonly kind: 'taken'; readonly status: number | undefined }
  | {
      readonly kind: 'refused';
      readonly status: number | undefined;
      readonly error: string;
      /** Trying again changes nothing. */
      readonly permanent: boolean;
    };

/** Writes down what became of a try: the message is delivered, tried again later, or given up. */
export async function finishNotification(
  { database, actor }: Context,
  notification: Notification,
  result: SendResult,
  now: Date,
): Promise<void> {
  const { id, subscriptionId, subscriptionName: subscription } = notification;
  if (result.kind === 'taken') return await markNotificationDelivered(database, id, result.status);
  const failures = notification.failures + 1;
  const again = result.permanent ? undefined : nextTryAt(failures, now);
  const error = redactText(result.error);
  await transaction(database, async (tx) => {
    await markNotificationFailed(tx, id, { status: result.status, error, again });
    if (again) return;
    await appendAuditEvent(tx, actor, {
      type: 'notification.given-up',
      subject: { kind: 'subscription', id: subscriptionId },
      data: { subscription, notificationId: id, failures, reason: error },
    });
  });
}

/**
 * Has what a message told be told again, as a message of its own: receivers that know the first one take it for new.
 * @throws OperationError `not-found`, `state` while the message is still to be sent
 */
export async function replayNotification({ database, actor }: Context, id: Id): Promise<Notification> {
  return await transaction(database, async (tx) => {
    const found = await findNotification(tx, id);
    if (!found) throw notFound('notification', id);
    if (found.state === 'pending')
      throw new OperationError(
        'state',
        `notification ${id} is still to be sent: it is tried again by itself`,
      );
    const { subscriptionId, subscriptionName: subscription, events } = found;
    const replay = await insert(tx, subscriptionId, events);
    await appendAuditEvent(tx, actor, {
      type: 'notification.replayed',
      subject: { kind: 'subscription', id: subscriptionId },
      data: { subscription, notificationId: id },
    });
    return replay;
  });
}

/** Sends a message that tells nothing, to see whether it arrives. @throws OperationError `not-found` or `state` */
export async function testSubscription({ database }: Context, idOrName: string): Promise<Notification> {
  return await transaction(database, async (tx) => {
    const subscription = await findSubscription(tx, idOrName);
    if (!subscription) throw notFound('subscription', idOrName);
    if (!subscription.enabled)
      throw new OperationError('state', `subscription ${subscription.name} is disabled: enable it first`);
    return await insert(tx, subscription.id, []);
  });
}

async function insert(tx: Transaction, subscriptionId: Id, events: readonly number[]): Promise<Notification> {
  const id = newId();
  await insertNotification(tx, { id, subscriptionId, events, notBefore: new Date() });
  const inserted = await findNotification(tx, id);
  if (!inserted) throw new Error(`notification ${id} vanished while it was made`);
  return inserted;
}
