import { type Db, type Endpoint, findEndpoint, listEndpointsBehind } from '@waybill/db';
import { type EndpointSettings, MAX_JUMPS, type RouteSettings } from '@waybill/domain';
import { OperationError } from './operation-error.js';

const field = '/settings/route/endpointId';

/**
 * Settings whose jump host, if there is one, is given by its id instead of its name.
 * @param self the endpoint that they are for, if it is there already
 * @throws OperationError `invalid` if the jump host is no SFTP account, or leads back here, or too many stand in a row
 */
export async function withJumpHost(
  db: Db,
  settings: EndpointSettings,
  self?: Endpoint,
): Promise<EndpointSettings> {
  const route = routeOf(settings);
  if (settings.kind !== 'sftp' || route?.kind !== 'jump') return settings;
  const host = await findEndpoint(db, route.endpointId);
  if (!host) throw refuse(`there is no endpoint "${route.endpointId}"`);
  if (host.id === self?.id) throw refuse(`endpoint ${host.name} cannot be its own jump host`);
  if (host.kind !== 'sftp')
    throw refuse(`endpoint ${host.name} is of kind ${host.kind}; a jump host is an SFTP account`);
  const before = await jumpsFrom(db, host, self);
  const jumps = before.length + 1 + (await longestChainBehind(db, self));
  if (jumps > MAX_JUMPS)
    throw refuse(`${jumps} jump hosts would stand one behind the other; ${MAX_JUMPS} are the most`);
  return { ...settings, route: { kind: 'jump', endpointId: host.id } };
}

/** The jump hosts on the way to `host`. */
async function jumpsFrom(db: Db, host: Endpoint, self: Endpoint | undefined): Promise<Endpoint[]> {
  const way: Endpoint[] = [];
  for (let at: Endpoint | undefined = host; at; at = await nextJump(db, at)) {
    if (at.id === self?.id) throw refuse(`the way to jump host ${host.name} leads through ${at.name} itself`);
    if (at !== host) way.push(at);
    // Two changes at the same time may have made a loop of others.
    if (way.length > MAX_JUMPS) break;
  }
  return way;
}

async function nextJump(db: Db, { settings }: Endpoint): Promise<Endpoint | undefined> {
  const route = routeOf(settings);
  return route?.kind === 'jump' ? await findEndpoint(db, route.endpointId) : undefined;
}

/** How many endpoints in a row have it, or one that has it, for their jump host; no more than are too many. */
async function longestChainBehind(db: Db, self: Endpoint | undefined): Promise<number> {
  let behind: Endpoint[] = self ? [self] : [];
  for (let length = 0; ; length++) {
    const next: Endpoint[] = [];
    for (const { id } of behind) next.push(...(await listEndpointsBehind(db, id)));
    if (next.length === 0 || length > MAX_JUMPS) return length;
    behind = next;
  }
}

function routeOf(settings: EndpointSettings): RouteSettings | undefined {
  return settings.kind === 'sftp' ? settings.route : undefined;
}

function refuse(message: string): OperationError {
  return new OperationError('invalid', message, { field });
}
