import { atLeast, stronger } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { commit, mayMove, type Proof } from './commit.js';
import { copyToPart } from './copy-file.js';
import { outcomeUnknown, reconcile } from './reconcile.js';
import {
  asSelected,
  type FileToMove,
  fileOf,
  isCode,
  isSameVersion,
  type RunContext,
  removePart,
} from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';

export interface Moved {
  readonly state: 'delivered' | 'skipped';
  /** With the size and time of the source's version that was moved. */
  readonly file: FileToMove;
}

/** One delivery, from wherever the last attempt left it to its final name. */
export async function moveFile(run: RunContext, record: DeliveryRecord): Promise<Moved> {
  const recalled = fileOf(record);
  const settled = await settleCommit(run, record, recalled);
  if (settled) return { state: settled, file: recalled };
  if (!(await mayMove(run, recalled))) return { state: 'skipped', file: recalled };
  // Not yet begun, it is as it was listed, most likely: copying finds out by itself if not, and the next attempt looks.
  const file = recalled.begun ? await lookAtSource(run, recalled) : recalled;
  try {
    const state = await commit(run, file, await copyToPart(run, file));
    return { state, file };
  } catch (error) {
    if (isCode(error, 'source-changed', 'corrupted')) await discardPart(run, file);
    throw error;
  }
}

/**
 * If the rename may have been asked for by an earlier attempt, finds out what became of it before anything else is
 * done. `undefined`: it was not carried out, or a person decided that the file is to be sent again.
 */
async function settleCommit(
  run: RunContext,
  record: DeliveryRecord,
  file: FileToMove,
): Promise<'delivered' | 'skipped' | undefined> {
  const { committing, state } = record;
  // In any other state the rename got a clear answer: it was refused, and the delivery failed.
  if (!committing || (state !== 'moving' && state !== 'unknown')) return undefined;
  // A target that replaces in steps may have stopped between two of them.
  await run.target.recover?.(file.targetPath, { signal: run.signal });
  const finding = await reconcile(run, file, committing).catch((error: unknown) => {
    // In `unknown` the run was held: that it runs again is a person's decision, who need not see more than we do.
    if (state === 'unknown' && isCode(error, 'outcome-unknown')) return { kind: 'gone' } as const;
    throw error;
  });
  if (finding.kind === 'ready' || finding.kind === 'arrived') {
    const proof = { ...committing, assurance: stronger(committing.assurance, finding.assurance) };
    return settleProven(run, file, finding.kind, proof);
  }
  if (finding.kind === 'gone' && state !== 'unknown') throw outcomeUnknown(run, file, committing);
  return undefined;
}

/** What is required may have grown since the rename was asked for. */
async function settleProven(
  run: RunContext,
  file: FileToMove,
  found: 'ready' | 'arrived',
  proof: Proof,
): Promise<'delivered' | 'skipped' | undefined> {
  const enough = atLeast(proof.assurance, run.proof);
  if (found === 'ready') return enough ? commit(run, file, proof) : undefined;
  if (!enough)
    throw new StorageError(
      'unproven',
      `${file.targetPath} at ${run.target.label} has arrived, but is proven by "${proof.assurance}" alone, and ` +
        `"${run.proof}" is required; require less to have it counted as delivered`,
    );
  await run.journal.committing(file.id, proof);
  await run.target.remove(file.partPath, { signal: run.signal });
  await run.journal.delivered(file.id, proof);
  return 'delivered';
}

/** The file as its source is now; one that changed since it was selected starts over. */
async function lookAtSource(run: RunContext, recalled: FileToMove): Promise<FileToMove> {
  const found = await run.source.stat(recalled.sourcePath, { signal: run.signal });
  if (isSameVersion(recalled, found)) return recalled;
  const file = { ...recalled, size: found.size, modifiedAt: found.modifiedAt, checkpoint: undefined };
  await run.journal.reselect(file.id, asSelected(file));
  return file;
}

/** The part file is worthless: no attempt may continue it. */
async function discardPart(run: RunContext, file: FileToMove): Promise<void> {
  await run.journal.reselect(file.id, asSelected(file));
  await removePart(run, file);
}
