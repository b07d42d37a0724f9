import { stronger } from '@waybill/domain';
import { type FileInfo, StorageError } from '@waybill/storage';
import { type Held, holds, orUnknown, outcomeUnknown } from './reconcile.js';
import { type FileToMove, isCode, type RunContext, removePart, statIfAny } from './run-context.js';
import type { WholePart } from './run-journal.js';

/** What is known of a whole part file, and how it was proven. */
export type Proof = WholePart;

/**
 * Spares moving bytes that could not be committed: looks at the final name, where the definition says not to replace.
 * @returns whether the file is to be moved; if not, it is skipped
 * @throws StorageError `already-exists` where the conflict rule is `fail`
 */
export async function mayMove(run: RunContext, file: FileToMove): Promise<boolean> {
  const { conflict } = run.definition;
  if (conflict === 'replace') return true;
  const found = await statIfAny(run.target, file.targetPath, run.signal);
  if (!found) return true;
  if (conflict === 'fail')
    throw new StorageError(
      'already-exists',
      `${describe(run, file, found)}, and the conflict rule is "fail"; remove or rename it, or change the rule`,
    );
  await run.journal.skipped(file.id, skipReason(run, file, found));
  if (file.begun) await removePart(run, file);
  return false;
}

/** Renames the verified part file onto the final name: the step that makes it visible, and that can't be undone. */
export async function commit(
  run: RunContext,
  file: FileToMove,
  proof: Proof,
): Promise<'delivered' | 'skipped'> {
  await run.journal.committing(file.id, proof);
  let proven = proof;
  try {
    const replace = run.definition.conflict === 'replace';
    await run.target.move(file.partPath, file.targetPath, { replace, signal: run.signal });
  } catch (error) {
    if (isCode(error, 'already-exists') && run.definition.conflict === 'skip') return skip(run, file);
    const found = await tookEffect(run, file, proof, error);
    if (!found) throw error;
    proven = { ...proof, assurance: stronger(proof.assurance, found) };
  }
  await run.journal.delivered(file.id, proven);
  if (proven.assurance === 'none')
    run.warn(
      `${file.targetPath} at ${run.target.label} counts as delivered without any proof: nobody may look there, and ` +
        '"none" is what is required',
      undefined,
    );
  return 'delivered';
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
  proof: Proof,
  error: unknown,
): Promise<Held | undefined> {
  if (run.signal.aborted || !(error instanceof StorageError)) return undefined;
  if (isCode(error, 'already-exists', 'permission-denied', 'path-refused', 'unsupported')) return undefined;
  run.warn(`${file.partPath} at ${run.target.label} could not be renamed; looking what became of it`, error);
  return orUnknown(run, file, proof, async () => {
    if (await statIfAny(run.target, file.partPath, run.signal)) return undefined;
    const found = await holds(run, file.targetPath, proof);
    if (found) return found;
    throw outcomeUnknown(run, file, proof, error);
  });
}

async function skip(run: RunContext, file: FileToMove): Promise<'skipped'> {
  const found = await statIfAny(run.target, file.targetPath, run.signal);
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
