import type { AuditEvent } from '@waybill/audit';
import {
  appendAuditEvent,
  type Db,
  deleteCredential,
  type Endpoint,
  findEndpoint,
  findEndpointLocked,
  findPartner,
  insertEndpoint,
  saveEndpoint,
  transaction,
} from '@waybill/db';
import {
  type EndpointKind,
  type EndpointLimits,
  type EndpointSettings,
  type Id,
  isSamePlace,
  isSameProxy,
  newId,
  routeText,
  whyLimitsRefused,
  whyProofRefused,
} from '@waybill/domain';
import { partNamingText, whyPartNamingRefused } from '@waybill/domain/naming';
import { changedMembers } from './changed.js';
import type { Context } from './context.js';
import { tryAnew } from './endpoint-breaker.js';
import { withJumpHost } from './endpoint-route.js';
import { notFound, OperationError, withUniqueName } from './operation-error.js';
import { callLine } from './wait-in-line.js';

export interface EndpointInput {
  readonly name: string;
  /** Id or name of a partner; `null` or left out: the place is ours. */
  readonly partner?: string | null | undefined;
  /** A jump host may be given by its name. */
  readonly settings: EndpointSettings;
  /** Default: none. */
  readonly limits?: EndpointLimits | undefined;
  /** Default: `default`. */
  readonly pool?: string | undefined;
}

/** @throws OperationError `conflict` if the name is taken, `invalid` if there is no such partner, jump host or proof */
export async function createEndpoint({ database, actor }: Context, input: EndpointInput): Promise<Endpoint> {
  const { name, pool = 'default', limits = {} } = input;
  refuseUnusable(input.settings);
  refuseLimits(input.settings.kind, limits);
  return await transaction(database, async (tx) => {
    const settings = await withJumpHost(tx, input.settings);
    const partnerId = await partnerIdOf(tx, input.partner ?? null);
    const endpoint = await withUniqueName('endpoint', name, () =>
      insertEndpoint(tx, newId(), { name, partnerId, settings, limits, pool }),
    );
    await appendAuditEvent(tx, actor, {
      type: 'endpoint.created',
      subject: { kind: 'endpoint', id: endpoint.id },
      data: dataOf(endpoint),
    });
    return endpoint;
  });
}

/**
 * Members left out stay as they are. Runs that are under way go on with the settings they began with.
 * A proxy's password goes when the route changes to another proxy or user.
 * @throws OperationError `not-found`, `conflict` if the name is taken, `invalid` if the kind would change, or the jump
 *   host cannot be one
 */
export async function updateEndpoint(
  { database, actor }: Context,
  idOrName: string,
  input: Partial<EndpointInput>,
): Promise<Endpoint> {
  return await transaction(database, async (tx) => {
    const before = await findEndpointLocked(tx, idOrName);
    if (!before) throw notFound('endpoint', idOrName);
    refuseOtherKind(before, input.settings);
    if (input.settings) refuseUnusable(input.settings);
    if (input.limits) refuseLimits(before.kind, input.limits);
    const old = {
      name: before.name,
      partnerId: before.partner?.id ?? null,
      settings: before.settings,
      limits: before.limits,
      pool: before.pool,
    };
    const values = {
      name: input.name ?? old.name,
      partnerId: input.partner === undefined ? old.partnerId : await partnerIdOf(tx, input.partner),
      settings: input.settings ? await withJumpHost(tx, input.settings, before) : old.settings,
      limits: input.limits ?? old.limits,
      pool: input.pool ?? old.pool,
    };
    const changed = changedMembers(old, values);
    if (changed.length === 0) return before;
    const dropProfile = !isSamePlace(old.settings, values.settings);
    if (await dropProxyPassword(tx, before, values.settings)) changed.push('proxyCredential');
    const endpoint = await withUniqueName('endpoint', values.name, () =>
      saveEndpoint(tx, before.id, values, { dropProfile }),
    );
    const recordResumed = changed.includes('settings')
      ? await tryAnew(tx, actor, before, 'its settings were changed')
      : undefined;
    if (changed.includes('limits')) await callLine(tx, before.id);
    await appendAuditEvent(tx, actor, {
      type: 'endpoint.updated',
      subject: { kind: 'endpoint', id: endpoint.id },
      data: { ...dataOf(endpoint), changed },
    });
    await recordResumed?.();
    return (await findEndpoint(tx, endpoint.id)) ?? endpoint;
  });
}

/** A password is for the proxy that it was given for, and nobody else's eyes. */
async function dropProxyPassword(tx: Db, before: Endpoint, settings: EndpointSettings): Promise<boolean> {
  if (before.proxyCredential === undefined) return false;
  const [from, to] = [before.settings, settings].map((s) => (s.kind === 'sftp' ? s.route : undefined));
  if (isSameProxy(from, to)) return false;
  await deleteCredential(tx, before.id, 'proxy');
  return true;
}

function refuseOtherKind(endpoint: Endpoint, settings: EndpointSettings | undefined): void {
  if (settings === undefined || settings.kind === endpoint.kind) return;
  throw new OperationError(
    'invalid',
    `endpoint ${endpoint.name} is of kind ${endpoint.kind} and cannot become ${settings.kind}; create another endpoint`,
    { field: '/settings/kind' },
  );
}

/** An endpoint that nothing could ever be delivered to. */
function refuseUnusable(settings: EndpointSettings): void {
  const unprovable = whyProofRefused(settings);
  if (unprovable) throw new OperationError('invalid', unprovable, { field: '/settings/minimumAssurance' });
  const naming = settings.kind === 's3' ? undefined : settings.partNaming;
  const unnamable = naming && whyPartNamingRefused(naming);
  if (unnamable) throw new OperationError('invalid', unnamable, { field: '/settings/partNaming' });
}

function refuseLimits(kind: EndpointKind, limits: EndpointLimits): void {
  const problem = whyLimitsRefused(kind, limits);
  if (problem) throw new OperationError('invalid', problem.why, { field: `/limits${problem.at}` });
}

async function partnerIdOf(db: Db, idOrName: string | null): Promise<Id | null> {
  if (idOrName === null) return null;
  const partner = await findPartner(db, idOrName);
  if (partner) return partner.id;
  throw new OperationError('invalid', `there is no partner "${idOrName}"`, { field: '/partner' });
}

type EndpointData = Extract<AuditEvent, { type: 'endpoint.created' }>['data'];

function dataOf({ name, kind, partner, pool, settings, limits }: Endpoint): EndpointData {
  const { root, minimumAssurance } = settings;
  const partNaming = settings.kind === 's3' ? undefined : settings.partNaming;
  return {
    ...{ name, kind, pool, root },
    ...(partner && { partnerId: partner.id }),
    ...accountOf(settings),
    ...(minimumAssurance && { minimumAssurance }),
    ...(Object.keys(limits).length > 0 && { limits: JSON.stringify(limits) }),
    ...(partNaming && { partNaming: partNamingText(partNaming) }),
  };
}

function accountOf(settings: EndpointSettings): Partial<EndpointData> {
  switch (settings.kind) {
    case 'local':
      return {};
    case 'sftp': {
      const { host, port, username, remoteHash, route, legacyAlgorithms } = settings;
      return {
        ...{ host, port, username },
        ...(remoteHash && { remoteHash }),
        ...(route && { route: routeText(route) }),
        ...(legacyAlgorithms?.length && { legacyAlgorithms }),
      };
    }
    case 's3':
      return { bucket: settings.bucket, region: settings.region, ...(settings.url && { url: settings.url }) };
  }
}
