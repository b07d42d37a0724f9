import { authenticate as findApiKey, recordDenied } from '@waybill/operations';
import type { Request, RequestHandler, Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import type { ApiDeps } from '../deps.js';
import { Refusal } from '../refusal.js';
import { actorOf, rememberApiKey } from './request-context.js';

const WINDOW_MS = 60_000;
/** So many requests without a valid key are answered and audited for each address and minute. */
export const REFUSALS_PER_WINDOW = 300;

/**
 * Lets requests with a valid API key pass; the others are audited and refused. Whoever goes on and on without one is
 * answered 429 for the rest of the minute, which is audited once: each audit event takes the chain's lock, and a flood
 * must not keep those out who have a key.
 */
export function authenticate(deps: ApiDeps): RequestHandler {
  const countRefusal = rateLimit({
    windowMs: WINDOW_MS,
    limit: REFUSALS_PER_WINDOW,
    standardHeaders: false,
    legacyHeaders: false,
    // Each server counts for itself, in memory; how far proxies are trusted is the application's setting.
    validate: false,
    // It counts; what follows from the count is decided below.
    handler: () => {},
  });
  return async (req, res, next) => {
    const key = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '')?.[1];
    const apiKey = key === undefined ? undefined : await findApiKey(deps.database, key);
    if (apiKey) {
      rememberApiKey(res, apiKey);
      return next();
    }
    const reason = key === undefined ? 'no API key was given' : 'the API key is unknown, expired or revoked';
    await countRefusal(req, res, () => {});
    const { used } = (req as Request & { rateLimit: { used: number } }).rateLimit;
    await (used > REFUSALS_PER_WINDOW ? refuseFlood(deps, req, res, used) : refuse(deps, req, res, reason));
  };
}

async function refuse(deps: ApiDeps, req: Request, res: Response, reason: string): Promise<never> {
  await recordRefusal(deps, req, res, reason);
  throw new Refusal(
    'not-authenticated',
    `${req.method} ${req.path}: ${reason}; send Authorization: Bearer <key>.`,
    { headers: { 'www-authenticate': 'Bearer' } },
  );
}

async function refuseFlood(deps: ApiDeps, req: Request, res: Response, used: number): Promise<never> {
  const reason = `more than ${REFUSALS_PER_WINDOW} requests without a valid API key within a minute`;
  if (used === REFUSALS_PER_WINDOW + 1)
    await recordRefusal(deps, req, res, `${reason}; further ones of this minute are not recorded`);
  throw new Refusal('too-many-refusals', `${req.method} ${req.path}: ${reason} came from this address.`, {
    headers: { 'retry-after': String(WINDOW_MS / 1000) },
  });
}

async function recordRefusal({ database }: ApiDeps, req: Request, res: Response, reason: string) {
  const request = { method: req.method, path: req.path, status: 401, reason } as const;
  await recordDenied({ database, actor: actorOf(req, res) }, request);
}
