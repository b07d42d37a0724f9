import type { DuplicateRule } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { giveBackIfClaimed } from './claim-source.js';
import type { Staged } from './move-file.js';
import { removePart } from './part-file.js';
import type { FileToMove, RunContext } from './run-context.js';
import { type DeliveryRecord, sourceSha256Of, type Twin } from './run-journal.js';

/**
 * Skips a staged file whose content the partner was sent before, where the definition asks for that. From then on the
 * content is reserved for a file that is not skipped. Empty files and done-files say nothing by their content.
 * @returns whether it is skipped
 * @throws StorageError `duplicate-content` where a person is to decide
 */
export async function skipDuplicate(
  run: RunContext,
  { duplicateAllowed }: DeliveryRecord,
  { file, proof }: Staged,
): Promise<boolean> {
  const { duplicates } = run.definition;
  if (!duplicates || duplicateAllowed || file.size === 0 || run.isCompanion(file)) return false;
  const sha256 = sourceSha256Of(proof);
  // What the ledger knows is skipped as that.
  if (run.seen.perhaps(file.sourcePath, file.size)?.sha256 === sha256) return false;
  const twin = await run.journal.reserveContent(file.id, { sha256, withinDays: duplicates.withinDays });
  if (!twin) return false;
  if (duplicates.action === 'hold') throw toBeDecided(run, file, twin);
  await giveBackIfClaimed(run, file);
  await run.journal.skipped(file.id, `${describe(twin)}; duplicates ${within(duplicates)} are skipped`);
  await removePart(run, file);
  return true;
}

function toBeDecided({ source }: RunContext, { sourcePath }: FileToMove, twin: Twin): StorageError {
  return new StorageError(
    'duplicate-content',
    `${sourcePath} at ${source.label} was not delivered: ${describe(twin)}. Retry the run to have it delivered all the ` +
      'same, or cancel it',
  );
}

function describe({ runId, transferName, sourcePath, targetPath, deliveredAt }: Twin): string {
  const did = deliveredAt ? 'delivered' : 'is about to deliver';
  const when = deliveredAt ? ` at ${deliveredAt.toISOString()}` : '';
  return `run ${runId} of transfer ${transferName} ${did} the same content, from ${sourcePath} to ${targetPath}${when}`;
}

function within({ withinDays }: DuplicateRule): string {
  return withinDays === 1 ? 'within a day' : `within ${withinDays} days`;
}
