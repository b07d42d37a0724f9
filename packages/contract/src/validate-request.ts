import { z } from 'zod';
import type { ProblemItem } from './problems.js';
import type { Route } from './route.js';

/** A request as it came, before anybody looked at it. */
export interface RawRequest {
  readonly params: unknown;
  readonly query: unknown;
  /** The headers that the route declares, as far as they were sent. */
  readonly headers: unknown;
  readonly body: unknown;
}

/** What the route's schemas make of a request, or everything that is wrong with it. */
export type ValidatedRequest =
  | { readonly valid: true; readonly request: RawRequest }
  | { readonly valid: false; readonly errors: readonly ProblemItem[] };

const nothing = z.strictObject({});

/** Defaults are filled in, texts become dates and paths; unknown fields and parameters are errors. */
export function validateRequest(route: Route, raw: RawRequest): ValidatedRequest {
  const errors: ProblemItem[] = [];
  const parse = (schema: z.ZodType | undefined, value: unknown, where: Where) => {
    if (!schema) return undefined;
    const parsed = schema.safeParse(value, { error: missing });
    if (!parsed.success) errors.push(...parsed.error.issues.flatMap((issue) => itemsOf(issue, where)));
    return parsed.data;
  };

  const request = {
    params: parse(route.params, raw.params, (path) => ({ parameter: path.join('.') })),
    query: parse(route.query ?? nothing, raw.query, (path) => ({ parameter: path.join('.') })),
    headers: parse(route.headers, raw.headers, (path) => ({ header: path.join('.') })),
    body: parse(route.body, raw.body, (path) => ({ pointer: jsonPointer(path) })),
  };
  return errors.length > 0 ? { valid: false, errors } : { valid: true, request };
}

type Path = readonly PropertyKey[];
type Where = (path: Path) => Pick<ProblemItem, 'pointer' | 'parameter' | 'header'>;

/** An unknown field is an issue of the object around it: name the field itself. */
function itemsOf(issue: z.core.$ZodIssue, where: Where): ProblemItem[] {
  if (issue.code !== 'unrecognized_keys') return [{ ...where(issue.path), message: issue.message }];
  return issue.keys.map((key) => ({ ...where([...issue.path, key]), message: 'unknown field' }));
}

function missing(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.input === undefined && issue.code !== 'custom' ? 'is required' : undefined;
}

/** RFC 6901. The whole body is `""`. */
function jsonPointer(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
