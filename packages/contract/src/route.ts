import type { Scope } from '@waybill/domain';
import type { z } from 'zod';
import type { ProblemCode } from './problems.js';

export interface RouteResponse {
  readonly description: string;
  readonly schema: z.ZodType;
  /** Default: `application/json`. */
  readonly contentType?: 'text/event-stream';
}

/** One entry of the table that validation, authorisation, the OpenAPI document and the client are made from. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** What the API key has to allow; `null` where no key is asked for. */
  readonly scope: Scope | null;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /** What may go wrong beyond what {@link problemsOf} adds to every route of its kind. */
  readonly problems: readonly ProblemCode[];
}

/** What may go wrong with `route`, all of it. */
export function problemsOf(route: Route): ProblemCode[] {
  const codes = new Set<ProblemCode>(['malformed-request', 'internal', 'unavailable', ...route.problems]);
  if (route.scope !== null) codes.add('not-authenticated').add('scope-missing').add('too-many-refusals');
  if (route.params) codes.add('not-found');
  if (route.params || route.query || route.headers || route.body) codes.add('invalid-request');
  if (route.body) codes.add('malformed-json').add('body-too-large').add('unsupported-media-type');
  return [...codes];
}
