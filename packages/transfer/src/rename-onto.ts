import { parentOf, stronger } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { answersBefore } from './acknowledgement.js';
import { holdsPart } from './part-file.js';
import { orUnknown, outcomeUnknown } from './reconcile.js';
import { type FileToMove, isCode, type RunContext } from './run-context.js';
import type { PlacedPart, WholePart } from './run-journal.js';
import { type Held, holds } from './verify.js';

/**
 * Renames the part file onto `file.targetPath`: the step that makes it visible, and that can't be undone. Written down
 * before, so that after a crash it is looked for under this name.
 * @returns what was delivered; why not, where the name is taken and may not be replaced
 */
export async function renameOnto(
  run: RunContext,
  file: FileToMove,
  proof: WholePart,
  { replace }: { readonly replace: boolean },
): Promise<PlacedPart | StorageError> {
  const { partPath, targetPath } = file;
  const placed = { ...proof, targetPath, answersSeen: await answersBefore(run, file) };
  await run.journal.committing(file.id, placed);
  await run.preserver.preserve(file);
  let proven: PlacedPart = placed;
  try {
    await run.target.move(partPath, targetPath, { replace, signal: run.signal });
  } catch (error) {
    if (isCode(error, 'already-exists')) return error;
    const found = await tookEffect(run, file, proof, error);
    if (!found) throw acrossDirectories(error, file);
    proven = { ...placed, assurance: stronger(proof.assurance, found) };
  }
  await markDelivered(run, file, proven);
  return proven;
}

/** The file is whole, under its final name, and proven as the run requires. */
export async function markDelivered(run: RunContext, file: FileToMove, placed: PlacedPart): Promise<void> {
  const { targetPath } = file;
  await run.journal.delivered(file.id, placed);
  run.ownParts.delivered(file.id);
  if (placed.assurance === 'none')
    run.warn(
      `${targetPath} at ${run.target.label} counts as delivered without any proof: nobody may look there, and ` +
        '"none" is what is required',
      undefined,
    );
}

/** Of a part file in another directory, what a server refuses without a reason is most likely to be that. */
function acrossDirectories(error: unknown, { partPath, targetPath }: FileToMove): unknown {
  if (parentOf(partPath) === parentOf(targetPath) || !isCode(error, 'unsupported', 'unknown')) return error;
  const { code, message, owner } = error;
  const advice = `"${parentOf(partPath)}" has to be on the same file system: choose another directory for part files`;
  return new StorageError(code, `${message}; ${advice}`, { cause: error, owner });
}

/**
 * A rename that failed may still have been carried out, unless the answer was a clear refusal. If that can't be looked
 * at right now, this rejects and the next attempt looks again.
 * @returns how it was told that it was carried out; `undefined` if it was not
 * @throws StorageError `outcome-unknown` if the part file is gone and the final name does not hold our bytes
 */
async function tookEffect(
  run: RunContext,
  file: FileToMove,
  proof: WholePart,
  error: unknown,
): Promise<Held | undefined> {
  if (run.signal.aborted || !(error instanceof StorageError)) return undefined;
  if (isCode(error, 'permission-denied', 'path-refused', 'unsupported')) return undefined;
  run.warn(`${file.partPath} at ${run.target.label} could not be renamed; looking what became of it`, error);
  return orUnknown(run, file, proof, async () => {
    if (await holdsPart(run, file, proof)) return undefined;
    const found = await holds(run, file.targetPath, proof);
    if (found) return found;
    throw outcomeUnknown(run, file, proof, error);
  });
}
