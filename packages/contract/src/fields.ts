import { isId, PathRefused, parsePath, type RemotePath } from '@waybill/domain';
import { whyPatternRefused } from '@waybill/domain/selection';
import { z } from 'zod';

export const id = z
  .uuid()
  .meta({ description: 'UUID, version 7.', example: '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10' });

/** An instant, as it is answered. */
export const time = z.iso
  .datetime({ precision: 3 })
  .meta({ description: 'ISO 8601, UTC.', example: '2026-03-01T06:00:00.000Z' });

/** An instant, as it may be asked for: any offset. */
export const timeAsked = z.iso
  .datetime({ offset: true, error: 'write a time with offset or Z, such as 2026-03-01T06:00:00Z' })
  .transform((text) => new Date(text))
  .meta({ description: 'ISO 8601 with offset or Z.', example: '2026-03-01T06:00:00Z' });

/** The unique name of a record. It never looks like an id, so that a reference to either is unambiguous. */
export const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    '1 to 63 lower-case letters, digits, ".", "_" or "-", beginning with a letter or digit',
  )
  .refine((text): boolean => !isId(text), 'a name may not look like an id')
  .meta({ description: 'Unique, as it appears in commands and addresses.', example: 'acme-bank' });

/** How a record is referred to. */
export const reference = z
  .string()
  .min(1)
  .max(63)
  .meta({ description: 'The id of the record, or its unique name.', example: 'acme-bank' });

export const pool = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, '1 to 32 lower-case letters, digits or "-"')
  .meta({ description: 'The pool whose workers can reach the endpoint.', example: 'default' });

/** A path below the root of an endpoint; `""` is the root itself. */
export const path = z
  .string()
  .transform((text, context): RemotePath => {
    try {
      return parsePath(text);
    } catch (error) {
      if (!(error instanceof PathRefused)) throw error;
      context.issues.push({ code: 'custom', message: error.message, input: text });
      return z.NEVER;
    }
  })
  .meta({ description: 'Directory below the root of the endpoint, "/"-separated.', example: 'out/daily' });

export const pathShown = z
  .string()
  .meta({ description: 'Directory below the root of the endpoint.', example: 'out/daily' });

export const pattern = z
  .string()
  .superRefine((text, context) => {
    const why = whyPatternRefused(text);
    if (why !== undefined) context.addIssue({ code: 'custom', message: why });
  })
  .meta({
    description:
      'Pattern for names: *, ?, [set], {a,b}; or a regular expression (RE2) for the whole name: /…/, /…/i.',
    example: '*.csv',
  });

export const count = z.int().nonnegative();
export const bytes = z.int().nonnegative().meta({ description: 'Bytes.', example: 1048576 });
export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: 'SHA-256, hex.' });

/** What every list takes. */
export const paging = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(50)
    .meta({ description: 'How many items at most, 1 to 200.', example: 50 }),
  cursor: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .meta({ description: 'The `nextCursor` of the page before; opaque.' }),
};

export const nextCursor = z
  .string()
  .nullable()
  .meta({ description: 'Ask for the next page with it; null on the last page.' });

/** One page of a list. */
export function page<T extends z.ZodType>(item: T, schemaId: string) {
  return z.strictObject({ items: z.array(item), nextCursor }).meta({ id: schemaId });
}
