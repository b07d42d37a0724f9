import type { ProblemCode, ProblemItem } from '@waybill/contract';

/** The request is answered with a problem. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly errors: readonly ProblemItem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ProblemCode,
    detail: string,
    options: ErrorOptions & {
      readonly errors?: readonly ProblemItem[];
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(detail, options);
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
  }
}

/** The record that the path names does not exist. */
export function notFound(kind: string, reference: string): Refusal {
  return new Refusal('not-found', `There is no ${kind} "${reference}".`);
}

/** One or more things in the request are wrong. */
export function invalid(errors: readonly ProblemItem[]): Refusal {
  const lines = errors.map(({ pointer, parameter, header, message }) => {
    const where = pointer || parameter || header;
    return where ? `${where}: ${message}` : message;
  });
  return new Refusal('invalid-request', lines.join('; '), { errors });
}
