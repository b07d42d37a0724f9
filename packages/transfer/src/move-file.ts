import { atLeast, stronger } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import type { Answered } from './acknowledgement.js';
import { claimSource } from './claim-source.js';
import { commit, mayMove } from './commit.js';
import { copyToPart } from './copy-file.js';
import { adoptLeftover, holdsPart, isInPlace, removePart } from './part-file.js';
import { outcomeUnknown, reconcile } from './reconcile.js';
import {
  asSelected,
  type FileToMove,
  fileOf,
  isCode,
  isSameVersion,
  type RunContext,
} from './run-context.js';
import type { DeliveryRecord, PlacedPart, WholePart } from './run-journal.js';
import { skipDuplicate } from './skip-duplicate.js';
import { skipSeen } from './skip-seen.js';
import { writeInPlace } from './write-in-place.js';
import type { Arrived } from './written-checksum.js';

/** A file with the version of the source that was moved and the name that it got, and what is known of it since. */
export interface Delivered {
  readonly state: 'delivered';
  readonly file: FileToMove;
  readonly arrived: Arrived & Answered;
}

/** The part file holds what is to arrive, and that is proven: the rename is all that is left. */
export interface Staged {
  readonly state: 'staged';
  /** With the size and time of the source's version that was copied. */
  readonly file: FileToMove;
  readonly proof: WholePart;
}

/** What an earlier attempt delivered. */
export function deliveredBefore(run: RunContext, record: DeliveryRecord): Delivered {
  return { state: 'delivered', file: fileOf(run, record), arrived: record };
}

/** One delivery, from wherever the last attempt left it to its final name; `undefined` if it was skipped. */
export async function moveFile(run: RunContext, record: DeliveryRecord): Promise<Delivered | undefined> {
  const staged = await stageFile(run, record);
  return staged?.state === 'staged' ? commitFile(run, staged) : staged;
}

/**
 * Everything up to a proven part file. An earlier attempt's rename may turn out to have delivered the file; `undefined` if
 * it was skipped.
 */
export async function stageFile(
  run: RunContext,
  record: DeliveryRecord,
): Promise<Staged | Delivered | undefined> {
  const recalled = fileOf(run, record);
  if (await skipSeen(run, recalled)) return undefined;
  const settled = await settleCommit(run, record, recalled);
  if (settled) return settled;
  await adoptLeftover(run, recalled);
  if (!(await mayMove(run, recalled))) return undefined;
  await claimSource(run, recalled);
  // Not yet begun, it is as it was listed, most likely: copying finds out by itself if not, and the next attempt looks.
  const file = recalled.begun ? await lookAtSource(run, recalled) : recalled;
  const staged = await discarding(run, file, () => moveBytes(run, file));
  return staged && (await skipDuplicate(run, record, staged)) ? undefined : staged;
}

async function moveBytes(run: RunContext, file: FileToMove): Promise<Staged | undefined> {
  if (isInPlace(file)) return writeInPlace(run, file);
  return { state: 'staged', file, proof: await copyToPart(run, file) };
}

/** Gives what was staged its final name; `undefined` if it was skipped. */
export async function commitFile(run: RunContext, { file, proof }: Staged): Promise<Delivered | undefined> {
  const placed = await discarding(run, file, () => commit(run, file, proof));
  return placed === 'skipped' ? undefined : deliveredAs(file, placed);
}

function deliveredAs(file: FileToMove, placed: PlacedPart): Delivered {
  return { state: 'delivered', file: { ...file, targetPath: placed.targetPath }, arrived: placed };
}

/**
 * If the rename may have been asked for by an earlier attempt, finds out what became of it before anything else is
 * done. `staged`: it was not carried out, and the part file is as it was proven. `undefined`: there is nothing to build
 * on, or a person decided that the file is to be sent again.
 */
async function settleCommit(
  run: RunContext,
  record: DeliveryRecord,
  file: FileToMove,
): Promise<Staged | Delivered | undefined> {
  const { committing, state } = record;
  if (!committing || !mayHaveCommitted(run, record, file)) return undefined;
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
    if (finding.kind === 'gone') await run.ownParts.release(file.id);
    return undefined;
  }
  const proven = { ...committing, assurance: stronger(committing.assurance, finding.assurance) };
  if (finding.kind === 'arrived') return settleArrived(run, placed, proven);
  // What is appended is proven once more, as the end of the whole file.
  const suffices = proven.joined !== undefined || atLeast(proven.assurance, run.proof);
  return suffices ? { state: 'staged', file, proof: proven } : undefined;
}

/**
 * A delivery that failed, `selected` again once a person has retried it, is simply sent again, unless that would put a
 * second file beside the first, or behind it.
 */
function mayHaveCommitted({ definition }: RunContext, { state }: DeliveryRecord, file: FileToMove): boolean {
  if (state === 'moving' || state === 'unknown' || isInPlace(file)) return true;
  return definition.conflict === 'rename' || definition.conflict === 'append';
}

/** What is required may have grown since the rename was asked for. */
async function settleArrived(run: RunContext, file: FileToMove, placed: PlacedPart): Promise<Delivered> {
  if (!atLeast(placed.assurance, run.proof))
    throw new StorageError(
      'unproven',
      `${file.targetPath} at ${run.target.label} has arrived, but is proven by "${placed.assurance}" alone, and ` +
        `"${run.proof}" is required; require less to have it counted as delivered`,
    );
  await run.journal.committing(file.id, placed);
  if (isInPlace(file)) await run.preserver.preserve(file);
  if (await holdsPart(run, file, placed)) await run.target.remove(file.partPath, { signal: run.signal });
  await run.journal.delivered(file.id, placed);
  run.ownParts.delivered(file.id);
  return deliveredAs(file, placed);
}

/** The file as its source is now; one that changed since it was selected starts over. */
async function lookAtSource(run: RunContext, recalled: FileToMove): Promise<FileToMove> {
  const found = await run.source.stat(recalled.readPath, { signal: run.signal });
  if (isSameVersion(recalled, found)) return recalled;
  const file = { ...recalled, size: found.size, modifiedAt: found.modifiedAt, checkpoint: undefined };
  await run.journal.reselect(file.id, asSelected(file));
  return file;
}

/** A step after which the part file may be worthless: then no attempt may continue it. */
async function discarding<T>(run: RunContext, file: FileToMove, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (isCode(error, 'source-changed', 'corrupted')) {
      await run.journal.reselect(file.id, asSelected(file));
      await removePart(run, file);
    }
    throw error;
  }
}
