import type { Id } from './ids.js';

/** A proxy that connections go through. It looks the server's name up. Its password is the endpoint's proxy credential. */
export interface ProxySettings {
  readonly kind: 'socks5' | 'http-connect';
  readonly host: string;
  readonly port: number;
  /** The account at the proxy, where it wants one. */
  readonly username?: string | undefined;
}

/** A jump host: another SFTP endpoint, with its own account, host keys and route. It looks the server's name up. */
export interface JumpSettings {
  readonly kind: 'jump';
  readonly endpointId: Id;
}

/** How connections get to the server of an endpoint, where that is not directly. */
export type RouteSettings = ProxySettings | JumpSettings;

/** Jump hosts on the way to a server, one behind the other. */
export const MAX_JUMPS = 3;

/** A route in one line, such as `socks5://user@proxy.example:1080` or `jump:<id>`. */
export function routeText(route: RouteSettings): string {
  if (route.kind === 'jump') return `jump:${route.endpointId}`;
  const { kind, username, host, port } = route;
  const account = username === undefined ? '' : `${encodeURIComponent(username)}@`;
  return `${kind}://${account}${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Is it the same proxy with the same account? A password is for that one alone. */
export function isSameProxy(a: RouteSettings | undefined, b: RouteSettings | undefined): boolean {
  return a !== undefined && b !== undefined && a.kind !== 'jump' && routeText(a) === routeText(b);
}
