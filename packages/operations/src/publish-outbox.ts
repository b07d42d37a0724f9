import { claimOutbox, type Database, markPublished, pruneOutbox as prune, transaction } from '@waybill/db';
import type { Signals } from '@waybill/queue';

const keptMs = 3_600_000;

/**
 * Publishes what changes have left in the outbox, oldest first, as `runs.<id>.changed` with `{ runId, state }`. Returns
 * how many; a message may be published twice.
 */
export async function publishOutbox({
  database,
  signals,
  limit = 500,
}: {
  readonly database: Database;
  readonly signals: Signals;
  readonly limit?: number;
}): Promise<number> {
  return await transaction(database, async (tx) => {
    const claimed = await claimOutbox(tx, limit);
    for (const { message } of claimed) await signals.publish(`runs.${message.runId}.changed`, message);
    await markPublished(
      tx,
      claimed.map(({ id }) => id),
    );
    return claimed.length;
  });
}

/** Removes what was published more than an hour ago. Returns how many. */
export async function pruneOutbox(database: Database): Promise<number> {
  return await prune(database, keptMs);
}
