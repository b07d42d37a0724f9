import { z } from 'zod';
import { id, page, time } from './fields.js';

export const worker = z
  .strictObject({
    id,
    name: z.string(),
    pools: z.array(z.string()),
    host: z.string(),
    pid: z.int(),
    concurrency: z.int(),
    startedAt: time,
    heartbeatAt: time,
    stoppedAt: time.nullable(),
  })
  .meta({ id: 'Worker', description: 'A process that executes attempts.' });
export type Worker = z.output<typeof worker>;

export const workerPage = page(worker, 'WorkerPage');
