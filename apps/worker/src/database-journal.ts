import {
  checkFence,
  type Database,
  deliveriesOfRun,
  type Fence,
  markAcknowledged,
  markAwaiting,
  markClaimed,
  markCommitting,
  markDelivered,
  markDisposed,
  markFailed,
  markMoving,
  markSkipped,
  markSkippedAsSeen,
  markUnacknowledged,
  reselectDelivery,
  reserveContent,
  saveCheckpoint,
  selectDeliveries,
} from '@waybill/db';
import { type RunJournal, Superseded } from '@waybill/transfer';

/** The engine's journal in the run's records. Each write holds only while this attempt has the run's lease. */
export function databaseJournal(database: Database, fence: Fence): RunJournal {
  const superseded = () =>
    new Superseded(`run ${fence.runId}: epoch ${fence.epoch} is no longer this worker's`);
  const ours = async (write: Promise<boolean>) => {
    if (!(await write)) throw superseded();
  };
  return {
    deliveries: () => deliveriesOfRun(database, fence.runId),
    select: (files) => ours(selectDeliveries(database, fence, files)),
    reselect: (id, file) => ours(reselectDelivery(database, fence, id, file)),
    moving: (id, step) => ours(markMoving(database, fence, id, step)),
    claimed: (id, claimed) => ours(markClaimed(database, fence, id, claimed)),
    checkpoint: (id, checkpoint) => ours(saveCheckpoint(database, fence, id, checkpoint)),
    async reserveContent(id, content) {
      const found = await reserveContent(database, fence, id, content);
      if (found === 'superseded') throw superseded();
      return found === 'reserved' ? undefined : found;
    },
    committing: (id, placed) => ours(markCommitting(database, fence, id, placed)),
    delivered: (id, placed) => ours(markDelivered(database, fence, id, placed)),
    claiming: () => ours(checkFence(database, fence)),
    awaiting: (id, since) => ours(markAwaiting(database, fence, id, since)),
    acknowledged: (id, seen) => ours(markAcknowledged(database, fence, id, seen)),
    unacknowledged: (id, failure, seen) => ours(markUnacknowledged(database, fence, id, failure, seen)),
    disposing: () => ours(checkFence(database, fence)),
    disposed: (id) => ours(markDisposed(database, fence, id)),
    skipped: (id, reason) => ours(markSkipped(database, fence, id, reason)),
    skippedAsSeen: (id, reason) => ours(markSkippedAsSeen(database, fence, id, reason)),
    failed: (id, failure, state) => ours(markFailed(database, fence, id, failure, state)),
  };
}
