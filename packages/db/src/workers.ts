import type { Id } from '@waybill/domain';
import { clientOf, type Db } from './db.js';
import { type Page, type Paged, paged } from './page.js';
import { defined } from './values.js';

/** A process that executes attempts. */
export interface Worker {
  readonly id: Id;
  readonly name: string;
  readonly pools: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly concurrency: number;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  readonly stoppedAt: Date | undefined;
}

export type WorkerValues = Omit<Worker, 'startedAt' | 'heartbeatAt' | 'stoppedAt'>;

export async function insertWorker(db: Db, worker: WorkerValues): Promise<Worker> {
  const row = await clientOf(db).worker.create({ data: { ...worker, pools: [...worker.pools] } });
  return { ...row, stoppedAt: row.stoppedAt ?? undefined };
}

/** In the database's time. False if there is no such worker. */
export async function touchWorker(db: Db, id: Id): Promise<boolean> {
  const touched = await clientOf(db)
    .$executeRaw`update worker set heartbeat_at = now() where id = ${id}::uuid`;
  return touched === 1;
}

export async function markWorkerStopped(db: Db, id: Id): Promise<void> {
  await clientOf(db).$executeRaw`update worker set stopped_at = now() where id = ${id}::uuid`;
}

/** Newest first. `active`: only those that have not stopped and sent a heartbeat within the last minute. */
export async function listWorkers(
  db: Db,
  { limit, after }: Page,
  filter: { readonly active?: boolean | undefined } = {},
): Promise<Paged<Worker>> {
  const alive = filter.active ? { stoppedAt: null, heartbeatAt: { gt: new Date(Date.now() - 60_000) } } : {};
  const rows = await clientOf(db).worker.findMany({
    where: { ...alive, ...defined({ id: after === undefined ? undefined : { lt: after } }) },
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paged(
    rows,
    limit,
    (row) => row.id,
    (row) => ({ ...row, stoppedAt: row.stoppedAt ?? undefined }),
  );
}
