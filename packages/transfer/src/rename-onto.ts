import { stronger } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { type Held, holds, orUnknown, outcomeUnknown } from './reconcile.js';
import { type FileToMove, isCode, type RunContext, statIfAny } from './run-context.js';
import type { WholePart } from './run-journal.js';

/**
 * Renames the part file onto `file.targetPath`: the step that makes it visible, and that can't be undone. Written down
 * before, so that after a crash it is looked for under this name.
 * @returns undefined once it is delivered; why not, where the name is taken and may not be replaced
 */
export async function renameOnto(
  run: RunContext,
  file: FileToMove,
  proof: WholePart,
  { replace }: { readonly replace: boolean },
): Promise<StorageError | undefined> {
  const { partPath, targetPath } = file;
  await run.journal.committing(file.id, { ...proof, targetPath });
  let proven = proof;
  try {
    await run.target.move(partPath, targetPath, { replace, signal: run.signal });
  } catch (error) {
    if (isCode(error, 'already-exists')) return error;
    const found = await tookEffect(run, file, proof, error);
    if (!found) throw error;
    proven = { ...proof, assurance: stronger(proof.assurance, found) };
  }
  await run.journal.delivered(file.id, { ...proven, targetPath });
  if (proven.assurance === 'none')
    run.warn(
      `${targetPath} at ${run.target.label} counts as delivered without any proof: nobody may look there, and ` +
        '"none" is what is required',
      undefined,
    );
  return undefined;
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
    if (await statIfAny(run.target, file.partPath, run.signal)) return undefined;
    const found = await holds(run, file.targetPath, proof);
    if (found) return found;
    throw outcomeUnknown(run, file, proof, error);
  });
}
