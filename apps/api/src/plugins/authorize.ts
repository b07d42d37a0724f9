import { allows, type Scope } from '@waybill/domain';
import { recordDenied } from '@waybill/operations';
import type { RequestHandler } from 'express';
import type { ApiDeps } from '../deps.js';
import { Refusal } from '../refusal.js';
import { actorOf, apiKeyOf } from './request-context.js';

/** Lets API keys with the scope pass; the others are audited and refused. */
export function authorize({ database }: ApiDeps, scope: Scope): RequestHandler {
  return async (req, res, next) => {
    const apiKey = apiKeyOf(res);
    if (apiKey && allows(apiKey.scopes, scope)) return next();
    const granted = apiKey?.scopes.join(', ') ?? 'none';
    const reason = `the scope "${scope}" is needed, the API key has: ${granted}`;
    await recordDenied(
      { database, actor: actorOf(req, res) },
      { method: req.method, path: req.path, status: 403, reason },
    );
    throw new Refusal('scope-missing', `${req.method} ${req.path}: ${reason}.`);
  };
}
