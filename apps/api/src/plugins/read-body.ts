import express, { type RequestHandler } from 'express';
import { Refusal } from '../refusal.js';

export const BODY_LIMIT_BYTES = 1024 * 1024;

/** Parses the body of a request to a route that takes one. */
export const readBody: readonly RequestHandler[] = [
  (req, _res, next) => {
    // No body at all is for validation to judge; fetch says so by a length of 0.
    const empty = req.get('content-length') === '0';
    if (empty || req.is('application/json') !== false) return next();
    const type = req.get('content-type') ?? 'none';
    next(new Refusal('unsupported-media-type', `The body is of type ${type}; send application/json.`));
  },
  express.json({ limit: BODY_LIMIT_BYTES, type: 'application/json' }),
];
