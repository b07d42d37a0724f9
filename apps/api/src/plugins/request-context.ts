import type { ApiKeyRecord } from '@waybill/db';
import { type Actor, newId } from '@waybill/domain';
import type { Logger } from '@waybill/telemetry';
import type { Request, RequestHandler, Response } from 'express';

/** An id of the caller's choice, as far as it can stand in a log and in the audit trail. */
const USABLE_ID = /^[\w.:-]{1,64}$/;

/** Gives every request its id, answers with it, and logs what became of the request. */
export function requestContext(log: Logger): RequestHandler {
  return (req, res, next) => {
    const given = req.get('x-request-id');
    const requestId = given !== undefined && USABLE_ID.test(given) ? given : newId();
    const startedAt = performance.now();
    res.locals.requestId = requestId;
    res.set('x-request-id', requestId);
    res.set('cache-control', 'no-store');
    res.on('close', () => {
      log[isHealthCheck(req) ? 'debug' : 'info'](
        {
          requestId,
          method: req.method,
          path: req.path,
          status: res.statusCode,
          complete: res.writableFinished,
          ms: Math.round(performance.now() - startedAt),
          actor: actorOf(req, res).name,
        },
        'request',
      );
    });
    next();
  };
}

function isHealthCheck(req: Request): boolean {
  return req.path === '/healthz' || req.path === '/readyz';
}

export function requestIdOf(res: Response): string {
  return res.locals.requestId as string;
}

export function rememberApiKey(res: Response, apiKey: ApiKeyRecord): void {
  res.locals.apiKey = apiKey;
}

export function apiKeyOf(res: Response): ApiKeyRecord | undefined {
  return res.locals.apiKey as ApiKeyRecord | undefined;
}

/** Who the audit log will name. */
export function actorOf(req: Request, res: Response): Actor {
  const apiKey = apiKeyOf(res);
  const where = { ...(req.ip === undefined ? {} : { address: req.ip }), requestId: requestIdOf(res) };
  return apiKey
    ? { kind: 'api-key', id: apiKey.id, name: apiKey.name, ...where }
    : { kind: 'anonymous', name: 'anonymous', ...where };
}
