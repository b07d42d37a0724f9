import { atLeast, stronger } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { commit, mayMove } from './commit.js';
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
import type { DeliveryRecord, PlacedPart } from './run-journal.js';
import { skipSeen } from './skip-seen.js';
import type { Arrived } from './written-checksum.js';

/** A file with the version of the source that was moved and the name that it got, and what is known of its bytes. */
export interface Delivered {
  readonly file: FileToMove;
  readonly arrived: Arrived;
}

/** What an earlier attempt delivered. */
export function deliveredBefore(record: DeliveryRecord): Delivered {
  return { file: fileOf(record), arrived: record };
}

/** One delivery, from wherever the last attempt left it to its final name; `undefined` if it was skipped. */
export async function moveFile(run: RunContext, record: DeliveryRecord): Promise<Delivered | undefined> {
  const recalled = fileOf(record);
  if (await skipSeen(run, recalled)) return undefined;
  const settled = await settleCommit(run, record, recalled);
  if (settled) return deliveredAs(recalled, settled);
  if (!(await mayMove(run, recalled))) return undefined;
  // Not yet begun, it is as it was listed, most likely: copying finds out by itself if not, and the next attempt looks.
  const file = recalled.begun ? await lookAtSource(run, recalled) : recalled;
  try {
    return deliveredAs(file, await commit(run, file, await copyToPart(run, file)));
  } catch (error) {
    if (isCode(error, 'source-changed', 'corrupted')) await discardPart(run, file);
    throw error;
  }
}

function deliveredAs(file: FileToMove, placed: PlacedPart | 'skipped'): Delivered | undefined {
  return placed === 'skipped'
    ? undefined
    : { file: { ...file, targetPath: placed.targetPath }, arrived: placed };
}

/**
 * If the rename may have been asked for by an earlier attempt, finds out what became of it before anything else is
 * done. `undefined`: it was not carried out, or a person decided that the file is to be sent again.
 */
async function settleCommit(
  run: RunContext,
  record: DeliveryRecord,
  file: FileToMove,
): Promise<PlacedPart | 'skipped' | undefined> {
  const { committing, state } = record;
  if (!committing || !mayHaveCommitted(run, state)) return undefined;
  const placed = { ...file, targetPath: committing.targetPath };
  // A target that replaces in steps may have stopped between two of them.
  await run.target.recover?.(placed.targetPath, { signal: run.signal });
  const decided = state !== 'moving';
  const finding = await reconcile(run, placed, committing).catch((error: unknown) => {
    // The run was held, or it failed: that it runs again is a person's decision, who need not see more than we do.
    if (decided && isCode(error, 'outcome-unknown')) return { kind: 'gone' } as const;
    throw error;
  });
  if (!('assurance' in finding)) {
    if (finding.kind === 'gone' && !decided) throw outcomeUnknown(run, placed, committing);
    return undefined;
  }
  const proven = { ...committing, assurance: stronger(committing.assurance, finding.assurance) };
  if (finding.kind === 'arrived') return settleArrived(run, placed, proven);
  return atLeast(proven.assurance, run.proof) ? commit(run, file, proven) : undefined;
}

/**
 * A delivery that failed, `selected` again once a person has retried it, is simply sent again, unless that would put a
 * second file beside the first.
 */
function mayHaveCommitted({ definition }: RunContext, state: DeliveryRecord['state']): boolean {
  return state === 'moving' || state === 'unknown' || definition.conflict === 'rename';
}

/** What is required may have grown since the rename was asked for. */
async function settleArrived(run: RunContext, file: FileToMove, placed: PlacedPart): Promise<PlacedPart> {
  if (!atLeast(placed.assurance, run.proof))
    throw new StorageError(
      'unproven',
      `${file.targetPath} at ${run.target.label} has arrived, but is proven by "${placed.assurance}" alone, and ` +
        `"${run.proof}" is required; require less to have it counted as delivered`,
    );
  await run.journal.committing(file.id, placed);
  await run.target.remove(file.partPath, { signal: run.signal });
  await run.journal.delivered(file.id, placed);
  return placed;
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
