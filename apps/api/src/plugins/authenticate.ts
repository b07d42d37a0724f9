import { authenticate as findApiKey, recordDenied } from '@waybill/operations';
import type { RequestHandler } from 'express';
import type { ApiDeps } from '../deps.js';
import { Refusal } from '../refusal.js';
import { actorOf, rememberApiKey } from './request-context.js';

/** Lets requests with a valid API key pass; the others are audited and refused. */
export function authenticate({ database }: ApiDeps): RequestHandler {
  return async (req, res, next) => {
    const key = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '')?.[1];
    const apiKey = key === undefined ? undefined : await findApiKey(database, key);
    if (apiKey) {
      rememberApiKey(res, apiKey);
      return next();
    }
    const reason = key === undefined ? 'no API key was given' : 'the API key is unknown, expired or revoked';
    await recordDenied(
      { database, actor: actorOf(req, res) },
      { method: req.method, path: req.path, status: 401, reason },
    );
    throw new Refusal(
      'not-authenticated',
      `${req.method} ${req.path}: ${reason}; send Authorization: Bearer <key>.`,
      {
        headers: { 'www-authenticate': 'Bearer' },
      },
    );
  };
}
