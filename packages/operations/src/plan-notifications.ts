import {
  type Database,
  foldIntoWaiting,
  insertNotification,
  lastNotBefore,
  listAuditEventsAfter,
  listEnabledSubscriptions,
  lockNotificationHead,
  partnersOfSubjects,
  type StoredAuditEvent,
  type Subscription,
  saveNotificationHead,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type ChannelSettings, isSubscribed, newId } from '@waybill/domain';
import { nextOccurrence } from '@waybill/domain/occurrences';

/**
 * Makes the messages of what the audit log says since the last look. Returns how many events were looked at. Any number of
 * schedulers may do so at once: each event is looked at once, because the place in the log moves on in the same
 * transaction.
 */
export async function planNotifications(
  database: Database,
  { now, limit }: { readonly now: Date; readonly limit: number },
): Promise<number> {
  return await transaction(database, async (tx) => {
    const head = await lockNotificationHead(tx);
    if (head === undefined) return 0;
    const events = await listAuditEventsAfter(tx, head, limit);
    const last = events.at(-1);
    if (!last) return 0;
    const subscriptions = await listEnabledSubscriptions(tx);
    const partners = subscriptions.some(({ partner }) => partner)
      ? await partnersOfSubjects(tx, events)
      : new Map<string, string[]>();
    for (const event of events) {
      const partnerIds = partners.get(`${event.subjectKind}:${event.subjectId}`) ?? [];
      for (const subscription of subscriptions)
        if (isFor(subscription, { ...event, partnerIds })) await tell(tx, subscription, event, now);
    }
    await saveNotificationHead(tx, last.seq);
    return events.length;
  });
}

function isFor(
  { id, events, partner, createdAt }: Subscription,
  event: StoredAuditEvent & { readonly partnerIds: readonly string[] },
): boolean {
  // A receiver that is down would be told so by the very messages that it doesn't get.
  const isOfItself = event.subjectKind === 'subscription' && event.subjectId === id;
  if (isOfItself || event.at < createdAt) return false;
  return isSubscribed({ events, partnerId: partner?.id }, event);
}

async function tell(
  tx: Transaction,
  { id: subscriptionId, settings }: Subscription,
  { seq }: StoredAuditEvent,
  now: Date,
): Promise<void> {
  if (settings.kind === 'mail' && (await foldIntoWaiting(tx, subscriptionId, seq))) return;
  const notBefore = dueAt(settings, await lastNotBefore(tx, subscriptionId), now);
  await insertNotification(tx, { id: newId(), subscriptionId, events: [seq], notBefore });
}

/** The first message goes out at once; what follows it closely waits, and is gathered into one. */
function dueAt(settings: ChannelSettings, last: Date | undefined, now: Date): Date {
  if (settings.kind === 'webhook') return now;
  if (settings.digest) {
    const [hour, minute] = settings.digest.at.split(':').map(Number);
    return nextOccurrence({ cron: `${minute} ${hour} * * *`, timeZone: settings.digest.timeZone }, now);
  }
  const quietUntil = (last?.getTime() ?? 0) + settings.foldSeconds * 1000;
  return new Date(Math.max(now.getTime(), quietUntil));
}
