import type { RemotePath } from '@waybill/domain';
import type { Waves } from './companions.js';
import { removePart } from './part-file.js';
import type { FileToMove, RunContext } from './run-context.js';
import { type DeliveryRecord, sourceSha256Of, type WholePart } from './run-journal.js';

/** Skips a file that another run has delivered, or taken, since this one selected it. @returns whether it did */
export async function skipSeen(run: RunContext, file: FileToMove): Promise<boolean> {
  const { sourcePath, size, modifiedAt } = file;
  const why = modifiedAt && run.seen.why(sourcePath, { size, modifiedAt });
  if (why === undefined) return false;
  await run.journal.skipped(file.id, why);
  if (file.begun) await removePart(run, file);
  return true;
}

/**
 * Skips a file that turned out to have the bytes that were delivered last from its path: somebody touched it, the times
 * of its server have jumped, or are too coarse to tell. From now on it is known by its new time. @returns whether it did
 */
export async function skipSameAgain(run: RunContext, file: FileToMove, whole: WholePart): Promise<boolean> {
  const before = run.seen.perhaps(file.sourcePath, file.size);
  if (before?.sha256 !== sourceSha256Of(whole)) return false;
  const when = before.deliveredAt.toISOString();
  await run.journal.skippedAsSeen(
    file.id,
    `run ${before.runId} delivered the same content from this path at ${when}, as its SHA-256 tells`,
  );
  await removePart(run, file);
  return true;
}

/** A done-file whose files were all delivered before arrived with them: once more, it would announce what isn't there. */
export async function skipSeenCompanions(run: RunContext, { companions }: Waves): Promise<void> {
  if (companions.length === 0 || !run.definition.source.selection?.onlyNew) return;
  const records = await run.journal.deliveries();
  const now = new Map(records.map((record) => [record.id, record]));
  const seen = await run.recall(records.filter(({ state }) => state === 'skipped'));
  const isElsewhere = ({ id }: DeliveryRecord) => {
    const { state, sourcePath, size, sourceModifiedAt: modifiedAt } = now.get(id) ?? {};
    if (state !== 'skipped' || size === undefined || !modifiedAt) return false;
    return seen.isElsewhere(sourcePath as RemotePath, { size, modifiedAt });
  };
  for (const { record, of } of companions) {
    if (now.get(record.id)?.state !== 'selected' || !of.every(isElsewhere)) continue;
    await run.journal.skipped(record.id, 'every file that it belongs to was delivered by another run');
    run.meter.settled(record.id, 'skipped');
  }
}
