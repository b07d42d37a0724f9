import {
  type Client,
  type Endpoint,
  isLegacyAlgorithm,
  type LegacyAlgorithm,
  legacyAlgorithms,
  type RouteSettings,
  routeText,
} from '@waybill/contract';
import { InvalidArgumentError } from 'commander';

type GivenRoute = RouteSettings | 'direct';

export interface RouteOptions {
  readonly route?: GivenRoute | undefined;
  readonly legacy?: readonly LegacyAlgorithm[] | undefined;
}

const FORMS = 'socks5://[user@]host:port, http-connect://[user@]host:port, jump:<endpoint> or direct';

/** Parsers of option values; what they throw, commander reports as wrong usage. */
export function parseRoute(text: string): GivenRoute {
  if (text === 'direct') return text;
  const jump = /^jump:(.+)$/.exec(text)?.[1];
  if (jump !== undefined) return { kind: 'jump', endpointId: jump };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const kind = url?.protocol.slice(0, -1);
  if (!url || (kind !== 'socks5' && kind !== 'http-connect') || url.port === '' || url.hostname === '')
    throw new InvalidArgumentError(`Write ${FORMS}.`);
  if (url.password !== '')
    throw new InvalidArgumentError(
      'Others can see a password here: set it by "waybill endpoint credential <endpoint> --proxy".',
    );
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const username = decodeURIComponent(url.username);
  return { kind, host, port: Number(url.port), ...(username !== '' && { username }) };
}

export function parseLegacy(text: string): LegacyAlgorithm[] {
  if (text === 'none') return [];
  const names = text.split(',').map((name) => name.trim());
  const known = names.filter(isLegacyAlgorithm);
  if (known.length === names.length) return known;
  throw new InvalidArgumentError(
    `Write some of ${legacyAlgorithms.join(', ')}, separated by commas, or none.`,
  );
}

/** What settings have of these options: "direct" and "none" are what they leave out. */
export function routeSettings({ route, legacy }: RouteOptions) {
  return {
    route: route === 'direct' ? undefined : route,
    legacyAlgorithms: legacy?.length ? [...legacy] : undefined,
  };
}

/** As it is given, with the name of a jump host. */
export async function routeShown(
  { settings }: Endpoint,
  client: Client,
  signal: AbortSignal,
): Promise<string | null> {
  if (settings.kind !== 'sftp' || settings.route === undefined) return null;
  if (settings.route.kind !== 'jump') return routeText(settings.route);
  const host = await client.call('getEndpoint', { params: { id: settings.route.endpointId }, signal });
  return `jump:${host.name}`;
}
