import { type AuditEvent, describeEvent } from '@waybill/audit';
import {
  findAuditEventsBySeq,
  findSubscription,
  leaseNotifications,
  type Notification,
  type StoredAuditEvent,
  type Subscription,
} from '@waybill/db';
import { composeMail, type Mailer, NotifyError, sendWebhook, type Told } from '@waybill/notify';
import { type Context, finishNotification, openSigningSecret, type SendResult } from '@waybill/operations';
import type { Vault } from '@waybill/secrets';

export interface NotifierParts {
  readonly context: Context;
  /** Opens the keys that sign webhooks; left out: they wait until a scheduler has it. */
  readonly vault: Vault | undefined;
  /** Left out: mail waits until a scheduler has a mail server. */
  readonly mailer: Mailer | undefined;
}

const AT_ONCE = 20;
/** Longer than any try may take. */
const LEASE_MS = 120_000;

/** Sends the messages that are due, some at once. Returns how many were tried. */
export async function sendNotifications(parts: NotifierParts, signal: AbortSignal): Promise<number> {
  const { context } = parts;
  const leased = await leaseNotifications(context.database, { limit: AT_ONCE, leaseMs: LEASE_MS });
  await Promise.all(
    leased.map(async (notification) => {
      const result = await send(parts, notification, signal);
      await finishNotification(context, notification, result, new Date());
    }),
  );
  return leased.length;
}

/** What becomes of one try. A process that stops leaves the message to its lease. */
async function send(
  { context: { database }, vault, mailer }: NotifierParts,
  notification: Notification,
  signal: AbortSignal,
): Promise<SendResult> {
  try {
    const subscription = await findSubscription(database, notification.subscriptionId);
    if (!subscription) throw new Error(`notification ${notification.id} is for nobody`);
    const events = await findAuditEventsBySeq(database, notification.events);
    const { settings } = subscription;
    if (settings.kind === 'mail') {
      if (!mailer) throw new NotifyError('no mail server is set: give the scheduler WAYBILL_SMTP_URL');
      const mail = composeMail(
        subscription.name,
        events.length > 0 ? events.map(told) : [test(notification)],
      );
      await mailer.send({ ...mail, to: settings.to, id: notification.id });
      return { kind: 'taken', status: undefined };
    }
    if (!vault) throw new NotifyError('webhooks cannot be signed: give the scheduler WAYBILL_MASTER_KEY');
    const message = {
      url: settings.url,
      allowPrivateAddresses: settings.allowPrivateAddresses,
      secret: openSigningSecret(subscription, vault),
      id: notification.id,
      at: new Date(),
      body: JSON.stringify(bodyOf(notification, subscription, events[0])),
    };
    return { kind: 'taken', status: await sendWebhook(message, signal) };
  } catch (error) {
    if (signal.aborted || !(error instanceof NotifyError)) throw error;
    return { kind: 'refused', status: error.status, error: error.message, permanent: error.permanent };
  }
}

/** Payload of the Standard Webhooks specification: `type`, `timestamp`, `data`. */
function bodyOf(
  { createdAt }: Notification,
  { name: subscription }: Subscription,
  event: StoredAuditEvent | undefined,
) {
  if (!event)
    return { type: 'subscription.test', timestamp: createdAt.toISOString(), data: { subscription } };
  const { seq, id: eventId, at, type, actorKind, actorName, subjectKind, subjectId } = event;
  return {
    type,
    timestamp: at.toISOString(),
    data: {
      ...{ subscription, seq, eventId, description: told(event).description },
      actor: { kind: actorKind, name: actorName },
      subject: { kind: subjectKind, id: subjectId },
      details: JSON.parse(event.data),
    },
  };
}

function told(event: StoredAuditEvent): Told {
  const { at, type, actorName, subjectKind, subjectId } = event;
  // What was written by this version or an earlier one is one of its variants.
  const written = {
    type,
    subject: { kind: subjectKind, id: subjectId },
    data: JSON.parse(event.data),
  } as AuditEvent;
  const about = subjectKind === 'run' ? `run ${subjectId}` : undefined;
  return { at, type, description: `${actorName} ${describeEvent(written)}`, about };
}

function test({ createdAt: at }: Notification): Told {
  return { at, type: 'subscription.test', description: 'this is a test: messages arrive' };
}
