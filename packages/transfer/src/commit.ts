import { type FileInfo, StorageError } from '@waybill/storage';
import { commitAppended } from './append.js';
import { giveBackIfClaimed } from './claim-source.js';
import { commitUnderFreeName } from './free-name.js';
import { isInPlace, removePart } from './part-file.js';
import { markDelivered, renameOnto } from './rename-onto.js';
import { type FileToMove, type RunContext, statIfAny } from './run-context.js';
import type { PlacedPart, WholePart } from './run-journal.js';
import { skipSameAgain } from './skip-seen.js';

/**
 * Spares moving bytes that could not be committed: looks at the final name, where the definition says not to replace.
 * @returns whether the file is to be moved; if not, it is skipped
 * @throws StorageError `already-exists` where the conflict rule is `fail`
 */
export async function mayMove(run: RunContext, file: FileToMove): Promise<boolean> {
  const { conflict } = run.definition;
  // What may have been delivered before lies there, most likely: its content is compared first, and renaming tells.
  const again = run.seen.perhaps(file.sourcePath, file.size);
  if ((conflict !== 'skip' && conflict !== 'fail') || again) return true;
  if (isInPlace(file) && run.ownParts.ownPart(file)) return true;
  const found = await statIfAny(run.target, file.targetPath, run.signal);
  if (!found) return true;
  if (conflict === 'fail')
    throw new StorageError(
      'already-exists',
      `${describe(run, file, found)}, and the conflict rule is "fail"; remove or rename it, or change the rule`,
    );
  await giveBackIfClaimed(run, file);
  await run.journal.skipped(file.id, skipReason(run, file, found));
  if (file.begun) await removePart(run, file);
  return false;
}

/** Makes the verified part file the file of the final name, by the conflict rule. @returns what has got which name */
export async function commit(
  run: RunContext,
  file: FileToMove,
  proof: WholePart,
): Promise<PlacedPart | 'skipped'> {
  if (isInPlace(file)) return commitInPlace(run, file, proof);
  if (await skipSameAgain(run, file, proof)) return 'skipped';
  const { conflict } = run.definition;
  if (conflict === 'append') return commitAppended(run, file, proof);
  if (conflict === 'rename') return commitUnderFreeName(run, file, proof);
  const placed = await renameOnto(run, file, proof, { replace: conflict === 'replace' });
  if (!(placed instanceof StorageError)) return placed;
  if (conflict === 'skip') return skip(run, file);
  throw placed;
}

/** The file has its final name already. */
async function commitInPlace(run: RunContext, file: FileToMove, proof: WholePart): Promise<PlacedPart> {
  const placed = { ...proof, targetPath: file.targetPath };
  await run.journal.committing(file.id, placed);
  await run.preserver.preserve(file);
  await markDelivered(run, file, placed);
  return placed;
}

export async function skip(run: RunContext, file: FileToMove): Promise<'skipped'> {
  const found = await statIfAny(run.target, file.targetPath, run.signal);
  await giveBackIfClaimed(run, file);
  await run.journal.skipped(file.id, skipReason(run, file, found));
  await removePart(run, file);
  return 'skipped';
}

function skipReason(run: RunContext, file: FileToMove, found: FileInfo | undefined): string {
  return `${describe(run, file, found)}, and the conflict rule is "skip"`;
}

function describe(run: RunContext, file: FileToMove, found: FileInfo | undefined): string {
  const seen = found ? ` (${found.size} bytes, modified ${found.modifiedAt.toISOString()})` : '';
  return `${run.target.label} already has ${file.targetPath}${seen}`;
}
