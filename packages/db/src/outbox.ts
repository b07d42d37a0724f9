import type { Id, RunState } from '@waybill/domain';
import { clientOf, type Db } from './db.js';

/** What others are to be told after the change is committed. */
export interface RunChanged {
  readonly runId: Id;
  readonly state: RunState;
}

export async function insertRunChanged(db: Db, message: RunChanged): Promise<void> {
  await insertRunsChanged(db, [message]);
}

export async function insertRunsChanged(db: Db, messages: readonly RunChanged[]): Promise<void> {
  const data = messages.map((message) => ({ topic: 'run.changed', payload: { ...message } }));
  await clientOf(db).outbox.createMany({ data });
}

/** The oldest messages not yet published, locked until the transaction ends; those of another publisher are left out. */
export async function claimOutbox(db: Db, limit: number): Promise<{ id: bigint; message: RunChanged }[]> {
  return await clientOf(db).$queryRaw<{ id: bigint; message: RunChanged }[]>`
    select id, payload as message from outbox
    where published_at is null order by id limit ${limit} for update skip locked`;
}

export async function markPublished(db: Db, ids: readonly bigint[]): Promise<void> {
  await clientOf(db)
    .$executeRaw`update outbox set published_at = now() where id = any(${[...ids]}::bigint[])`;
}

/** Removes what was published more than `olderThanMs` ago. Returns how many. */
export async function pruneOutbox(db: Db, olderThanMs: number): Promise<number> {
  return await clientOf(db).$executeRaw`
    delete from outbox where published_at < now() - ${olderThanMs}::double precision * interval '1 millisecond'`;
}
