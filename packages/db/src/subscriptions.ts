import { type ChannelKind, type ChannelSettings, type Id, isId } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import type { Prisma } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** Which events of which partner are told to whom. */
export interface Subscription {
  readonly id: Id;
  readonly name: string;
  readonly kind: ChannelKind;
  readonly settings: ChannelSettings;
  /** Types of audit events; `run.*` for all of a noun, `*` for all. */
  readonly events: readonly string[];
  /** Left out: of everybody. */
  readonly partner: { readonly id: Id; readonly name: string } | undefined;
  readonly enabled: boolean;
  /** The sealed secret that signs a webhook's messages. */
  readonly envelope: Uint8Array | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface SubscriptionValues {
  readonly name: string;
  readonly settings: ChannelSettings;
  readonly events: readonly string[];
  readonly partnerId: Id | null;
  readonly enabled: boolean;
  readonly envelope: Uint8Array | undefined;
}

const include = { partner: { select: { id: true, name: true } } } satisfies Prisma.SubscriptionInclude;

type Row = Prisma.SubscriptionGetPayload<{ include: typeof include }>;

export async function insertSubscription(db: Db, id: Id, values: SubscriptionValues): Promise<Subscription> {
  return toSubscription(
    await clientOf(db).subscription.create({ data: { id, ...columnsOf(values) }, include }),
  );
}

export async function saveSubscription(db: Db, id: Id, values: SubscriptionValues): Promise<Subscription> {
  const data = { ...columnsOf(values), updatedAt: new Date() };
  return toSubscription(await clientOf(db).subscription.update({ where: { id }, data, include }));
}

export async function findSubscription(db: Db, idOrName: string): Promise<Subscription | undefined> {
  const where = isId(idOrName) ? { id: idOrName } : { name: idOrName };
  const row = await clientOf(db).subscription.findUnique({ where, include });
  return row ? toSubscription(row) : undefined;
}

/** By name. */
export async function listSubscriptions(db: Db, { limit, after }: Page): Promise<Paged<Subscription>> {
  const rows = await clientOf(db).subscription.findMany({
    where: defined({ name: after === undefined ? undefined : { gt: after } }),
    include,
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.name, toSubscription);
}

export async function listEnabledSubscriptions(db: Db): Promise<Subscription[]> {
  return (await clientOf(db).subscription.findMany({ where: { enabled: true }, include })).map(
    toSubscription,
  );
}

function columnsOf({ settings, events, envelope, ...others }: SubscriptionValues) {
  return {
    ...others,
    kind: settings.kind,
    settings: settings as unknown as Prisma.InputJsonObject,
    events: [...events],
    envelope: envelope ? Uint8Array.from(envelope) : null,
  };
}

function toSubscription({ partnerId: _, ...row }: Row): Subscription {
  return {
    ...row,
    kind: row.kind as ChannelKind,
    settings: row.settings as unknown as ChannelSettings,
    partner: row.partner ?? undefined,
    envelope: row.envelope ?? undefined,
  };
}
