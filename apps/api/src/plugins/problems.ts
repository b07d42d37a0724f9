import { type Problem, type ProblemCode, problems } from '@waybill/contract';
import { isUnavailable } from '@waybill/db';
import { OperationError } from '@waybill/operations';
import type { Logger } from '@waybill/telemetry';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { Refusal } from '../refusal.js';
import { BODY_LIMIT_BYTES } from './read-body.js';
import { requestIdOf } from './request-context.js';

export const refuseUnknownRoute: RequestHandler = (req) => {
  throw new Refusal('no-such-route', `There is nothing at ${req.path}; /openapi.json lists what there is.`);
};

/** Turns whatever was thrown into problem details (RFC 9457). What nobody expected is logged, not shown. */
export function answerProblems(log: Logger): ErrorRequestHandler {
  return (error: unknown, _req, res, _next) => {
    const refusal = refusalOf(error);
    const requestId = requestIdOf(res);
    if (refusal.code === 'internal') log.error({ err: error, requestId }, 'request failed');
    if (refusal.code === 'unavailable') log.warn({ err: error, requestId }, 'database unavailable');
    // An answer that has begun cannot become a problem: cut it, so that it is not taken for whole.
    if (res.headersSent) return void res.destroy();
    const { status, title, remedy } = problems[refusal.code];
    const problem: Problem = {
      type: `urn:waybill:problem:${refusal.code}`,
      code: refusal.code,
      title,
      status,
      detail: refusal.message,
      remedy,
      errors: [...refusal.errors],
      requestId,
    };
    res.status(status).set(refusal.headers).type('application/problem+json').send(JSON.stringify(problem));
  };
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof OperationError) return refusalOfOperation(error);
  if (isUnavailable(error))
    return new Refusal('unavailable', 'The database cannot be reached. Try again in a few seconds.', {
      headers: { 'retry-after': '5' },
    });
  return (
    refusalOfHttp(error) ?? new Refusal('internal', 'The error was logged under the id of this request.')
  );
}

const codeOfOperation: Readonly<Record<OperationError['code'], ProblemCode>> = {
  'not-found': 'not-found',
  conflict: 'conflict',
  invalid: 'invalid-request',
  state: 'state-conflict',
};

function refusalOfOperation(error: OperationError): Refusal {
  const { field, message } = error;
  return new Refusal(codeOfOperation[error.code], message, {
    errors: field === undefined ? [] : [{ pointer: field, message }],
  });
}

/** Errors of the body parser and the router carry a status, those of the parser a type as well. */
function refusalOfHttp(error: unknown): Refusal | undefined {
  const { type, status, message } = error as { type?: string; status?: number; message?: string };
  switch (type) {
    case 'entity.too.large':
      return new Refusal('body-too-large', `The body is larger than ${BODY_LIMIT_BYTES} bytes.`);
    case 'entity.parse.failed':
      return new Refusal('malformed-json', `The body is not JSON: ${message}`);
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new Refusal('unsupported-media-type', `The body cannot be read: ${message}.`);
  }
  if (status !== undefined && status >= 400 && status < 500)
    return new Refusal('malformed-request', `The request cannot be read: ${message}.`);
  return undefined;
}
