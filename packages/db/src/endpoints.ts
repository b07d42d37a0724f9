import {
  type CredentialKind,
  type CredentialPurpose,
  type EndpointKind,
  type EndpointLimits,
  type EndpointProfile,
  type EndpointSettings,
  type Id,
  isId,
} from '@waybill/domain';
import { type BreakerRecord, toBreaker } from './breakers.js';
import { clientOf, type Db } from './db.js';
import { Prisma } from './generated/client.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** A configured place of a partner's or ours. */
export interface Endpoint {
  readonly id: Id;
  readonly name: string;
  /** `undefined`: the place is ours. */
  readonly partner: { readonly id: Id; readonly name: string } | undefined;
  readonly kind: EndpointKind;
  readonly settings: EndpointSettings;
  /** What all workers together may do with it. */
  readonly limits: EndpointLimits;
  /** What is remembered of runs that did not reach it; `undefined` if the last one did. */
  readonly breaker: BreakerRecord | undefined;
  /** The pool whose workers can reach it. */
  readonly pool: string;
  /** What the newest probe found out; `undefined` if there was none of this place. */
  readonly profile: EndpointProfile | undefined;
  readonly profiledAt: Date | undefined;
  /** What is shown of the secret of the account. */
  readonly credential: ShownCredential | undefined;
  /** What is shown of the secret of the proxy on the way. */
  readonly proxyCredential: ShownCredential | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface ShownCredential {
  readonly kind: CredentialKind;
  readonly updatedAt: Date;
}

export interface EndpointValues {
  readonly name: string;
  readonly partnerId: Id | null;
  readonly settings: EndpointSettings;
  readonly limits: EndpointLimits;
  readonly pool: string;
}

const include = {
  partner: { select: { id: true, name: true } },
  credentials: { select: { purpose: true, kind: true, updatedAt: true } },
  breaker: true,
} satisfies Prisma.EndpointInclude;

type Row = Prisma.EndpointGetPayload<{ include: typeof include }>;

export async function insertEndpoint(db: Db, id: Id, values: EndpointValues): Promise<Endpoint> {
  const { settings, limits } = values;
  const data = { id, ...values, kind: settings.kind, ...toColumns(settings), limits: toJson(limits) };
  return toEndpoint(await clientOf(db).endpoint.create({ data, include }));
}

/** `dropProfile`: it is another place now, of which nothing was found out yet. */
export async function saveEndpoint(
  db: Db,
  id: Id,
  values: Partial<EndpointValues>,
  { dropProfile }: { readonly dropProfile: boolean },
): Promise<Endpoint> {
  const { settings, limits, ...others } = values;
  const data = {
    ...others,
    ...(settings && toColumns(settings)),
    ...(limits && { limits: toJson(limits) }),
    ...(dropProfile && { profile: Prisma.DbNull, profiledAt: null }),
    updatedAt: new Date(),
  };
  return toEndpoint(await clientOf(db).endpoint.update({ where: { id }, data, include }));
}

/** False if the endpoint has other settings by now than those that were looked at. */
export async function saveEndpointProfile(
  db: Db,
  { id, settings }: Pick<Endpoint, 'id' | 'settings'>,
  profile: EndpointProfile,
): Promise<boolean> {
  const saved = await clientOf(db).$executeRaw`
    update endpoint set profile = ${JSON.stringify(profile)}::jsonb, profiled_at = now()
    where id = ${id}::uuid and settings = ${JSON.stringify(settings)}::jsonb`;
  return saved === 1;
}

export async function findEndpoint(db: Db, idOrName: string): Promise<Endpoint | undefined> {
  const where = isId(idOrName) ? { id: idOrName } : { name: idOrName };
  const row = await clientOf(db).endpoint.findUnique({ where, include });
  return row ? toEndpoint(row) : undefined;
}

export async function findEndpointsById(db: Db, ids: readonly Id[]): Promise<Map<Id, Endpoint>> {
  const rows = await clientOf(db).endpoint.findMany({ where: { id: { in: [...ids] } }, include });
  return new Map(rows.map((row) => [row.id, toEndpoint(row)]));
}

/** The endpoint, locked until the transaction ends. */
export async function findEndpointLocked(db: Db, idOrName: string): Promise<Endpoint | undefined> {
  const found = await findEndpoint(db, idOrName);
  if (found === undefined) return undefined;
  await lockEndpoint(db, found.id);
  return await findEndpoint(db, found.id);
}

/** Until the transaction ends; records that merely point at the endpoint are not kept waiting. */
export async function lockEndpoint(db: Db, id: Id): Promise<void> {
  await clientOf(db).$queryRaw`select 1 from endpoint where id = ${id}::uuid for no key update`;
}

/** By name. */
export async function listEndpoints(
  db: Db,
  { limit, after }: Page,
  filter: { readonly partnerId?: Id | undefined } = {},
): Promise<Paged<Endpoint>> {
  const rows = await clientOf(db).endpoint.findMany({
    where: defined({
      partnerId: filter.partnerId,
      name: after === undefined ? undefined : { gt: after },
    }),
    include,
    orderBy: { name: 'asc' },
    take: limit + 1,
  });
  return paged(rows, limit, (row) => row.name, toEndpoint);
}

/** Those that have this one for their jump host. */
export async function listEndpointsBehind(db: Db, jumpEndpointId: Id): Promise<Endpoint[]> {
  const rows = await clientOf(db).endpoint.findMany({
    where: { jumpEndpointId },
    include,
    orderBy: { name: 'asc' },
  });
  return rows.map(toEndpoint);
}

function toEndpoint(row: Row): Endpoint {
  const { partnerId: _, jumpEndpointId: __, partner, credentials, breaker, ...others } = row;
  return {
    ...others,
    kind: row.kind as EndpointKind,
    settings: row.settings as unknown as EndpointSettings,
    limits: row.limits as EndpointLimits,
    breaker: breaker ? toBreaker(breaker) : undefined,
    profile: (row.profile ?? undefined) as unknown as EndpointProfile | undefined,
    profiledAt: row.profiledAt ?? undefined,
    partner: partner ?? undefined,
    credential: shown(credentials, 'account'),
    proxyCredential: shown(credentials, 'proxy'),
  };
}

function shown(credentials: Row['credentials'], purpose: CredentialPurpose): ShownCredential | undefined {
  const found = credentials.find((credential) => credential.purpose === purpose);
  return found && { kind: found.kind as CredentialKind, updatedAt: found.updatedAt };
}

/** A jump host stands beside the settings as well, so that the database holds on to it. */
function toColumns(settings: EndpointSettings) {
  const route = settings.kind === 'sftp' ? settings.route : undefined;
  return {
    settings: toJson(settings),
    jumpEndpointId: route?.kind === 'jump' ? route.endpointId : null,
  };
}

function toJson(value: EndpointSettings | EndpointLimits): Prisma.InputJsonObject {
  return { ...value } as Prisma.InputJsonObject;
}
