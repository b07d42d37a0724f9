import { z } from 'zod';

export const health = z
  .strictObject({ status: z.literal('ok'), version: z.string() })
  .meta({ id: 'Health', description: 'The process answers.' });

const check = z.enum(['ok', 'failed', 'absent']);

export const readiness = z
  .strictObject({
    status: z.enum(['ready', 'not-ready']),
    checks: z.strictObject({ database: check, queue: check }),
  })
  .meta({ id: 'Readiness', description: 'Whether requests can be served.' });
export type Readiness = z.output<typeof readiness>;
