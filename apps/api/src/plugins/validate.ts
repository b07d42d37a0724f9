import { type RawRequest, type Route, validateRequest } from '@waybill/contract';
import type { Request } from 'express';
import { invalid, notFound } from '../refusal.js';

/**
 * The parts of the request as the route's schemas make them.
 * @throws Refusal `not-found` if a path parameter cannot name a record, `invalid-request` with everything else wrong
 */
export function validate(route: Route, req: Request): RawRequest {
  const { params, query, body } = req;
  if (route.params && !route.params.safeParse(params).success)
    throw notFound('record', Object.values(params).join('/'));
  const found = validateRequest(route, { params, query, headers: pickHeaders(route, req), body });
  if (!found.valid) throw invalid(found.errors);
  return found.request;
}

function pickHeaders(route: Route, req: Request): Record<string, string> {
  const names = Object.keys(route.headers?.shape ?? {});
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = req.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
