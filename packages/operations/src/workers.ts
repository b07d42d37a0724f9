import {
  type Database,
  insertWorker,
  markWorkerStopped,
  touchWorker,
  type Worker,
  type WorkerValues,
} from '@waybill/db';
import type { Id } from '@waybill/domain';

/** Announces a process that is going to execute attempts. Its `id` is new with every start. */
export async function registerWorker(database: Database, worker: WorkerValues): Promise<Worker> {
  return await insertWorker(database, worker);
}

/** Says that the process is alive. False if nobody has registered it. */
export async function heartbeatWorker(database: Database, id: Id): Promise<boolean> {
  return await touchWorker(database, id);
}

export async function stopWorker(database: Database, id: Id): Promise<void> {
  await markWorkerStopped(database, id);
}
