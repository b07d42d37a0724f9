import { z } from 'zod';

/**
 * Every way in which the API says no. Programs act on the code. `docs/errors.md` has a row for each; a test holds the
 * two together.
 */
export const problems = {
  'malformed-json': {
    status: 400,
    title: 'The body is not JSON',
    remedy: 'Correct the JSON; detail says where it breaks.',
  },
  'malformed-request': {
    status: 400,
    title: 'The request cannot be read',
    remedy: 'The address or the transmission is broken; see detail.',
  },
  'not-authenticated': {
    status: 401,
    title: 'No valid API key was given',
    remedy:
      'Send Authorization: Bearer <key> with a key that is neither revoked nor expired. The request is in the audit log.',
  },
  'scope-missing': {
    status: 403,
    title: 'The API key lacks the scope',
    remedy: 'Use a key that has the scope named in detail. The request is in the audit log.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such record',
    remedy: 'Check the id or name in the address.',
  },
  'no-such-route': {
    status: 404,
    title: 'There is nothing at this address',
    remedy: 'Look the address up in /openapi.json.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The address does not take this method',
    remedy: 'The header Allow names the methods.',
  },
  conflict: {
    status: 409,
    title: 'The request contradicts another record',
    remedy: 'The name is taken, or the Idempotency-Key was used for a different request: choose another one.',
  },
  'state-conflict': {
    status: 409,
    title: 'The state of the record does not allow it',
    remedy: 'Read the record; what was asked for is not possible in its state.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    remedy: 'Bodies have at most 1 MiB.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body must be JSON',
    remedy: 'Send Content-Type: application/json in UTF-8.',
  },
  'invalid-request': {
    status: 422,
    title: 'The request is not valid',
    remedy: 'errors names every field, parameter or header that is wrong, and why.',
  },
  'too-many-refusals': {
    status: 429,
    title: 'Too many requests without a valid API key',
    remedy:
      'Too many came from this address within a minute. Send a valid key; repeat after the seconds in Retry-After.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong inside Waybill',
    remedy: 'Report it with the requestId, under which the log has the details.',
  },
  unavailable: {
    status: 503,
    title: 'The service cannot answer right now',
    remedy: 'The database cannot be reached. Repeat after the seconds in Retry-After.',
  },
} as const satisfies Record<string, { status: number; title: string; remedy: string }>;

export type ProblemCode = keyof typeof problems;

export const problemCodes = Object.keys(problems) as ProblemCode[];

/** One thing that is wrong, and where: `pointer` into the body (RFC 6901), a parameter, or a header. */
const problemItem = z
  .strictObject({
    pointer: z.string().optional().meta({ example: '/definition/source/directory' }),
    parameter: z.string().optional(),
    header: z.string().optional(),
    message: z.string(),
  })
  .meta({
    id: 'ProblemItem',
    description: 'Where it is wrong (in the body, a parameter or a header), and why.',
  });
export type ProblemItem = z.output<typeof problemItem>;

export const problem = z
  .strictObject({
    type: z.string().meta({ example: 'urn:waybill:problem:invalid-request' }),
    code: z.enum(problemCodes as [ProblemCode, ...ProblemCode[]]),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    remedy: z.string().meta({ description: 'What helps against problems of this code.' }),
    errors: z.array(problemItem),
    requestId: z.string(),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457). Programs act on the code.' });
export type Problem = z.output<typeof problem>;
