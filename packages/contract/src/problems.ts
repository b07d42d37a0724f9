import { z } from 'zod';

/**
 * Every way in which the API says no. Programs act on the code. `docs/errors.md` has a row for each; a test holds the
 * two together.
 */
export const problems = {
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'malformed-request': { status: 400, title: 'The request cannot be read' },
  'not-authenticated': { status: 401, title: 'No valid API key was given' },
  'scope-missing': { status: 403, title: 'The API key lacks the scope' },
  'not-found': { status: 404, title: 'There is no such record' },
  'no-such-route': { status: 404, title: 'There is nothing at this address' },
  'method-not-allowed': { status: 405, title: 'The address does not take this method' },
  conflict: { status: 409, title: 'The request contradicts another record' },
  'state-conflict': { status: 409, title: 'The state of the record does not allow it' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON' },
  'invalid-request': { status: 422, title: 'The request is not valid' },
  'too-many-refusals': { status: 429, title: 'Too many requests without a valid API key' },
  internal: { status: 500, title: 'Something went wrong inside Waybill' },
  unavailable: { status: 503, title: 'The service cannot answer right now' },
} as const satisfies Record<string, { status: number; title: string }>;

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
    errors: z.array(problemItem),
    requestId: z.string(),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457). Programs act on the code.' });
export type Problem = z.output<typeof problem>;
