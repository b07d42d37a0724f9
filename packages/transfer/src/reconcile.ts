import { StorageError } from '@waybill/storage';
import { reconcileAppend } from './joined.js';
import { holdsPart } from './part-file.js';
import { type FileToMove, isCode, type RunContext } from './run-context.js';
import type { PlacedPart } from './run-journal.js';
import { type Held, holds, type Whole } from './verify.js';

/**
 * What became of a rename, or an append, whose answer nobody heard.
 * - `arrived`: the final name holds our bytes
 * - `ready`: it was not carried out; the part file holds our bytes
 * - `unusable`: it was not carried out, and the part file holds other bytes
 * - `gone`: neither name holds our bytes. It may have arrived and been taken away since; it may be lost
 */
export type Finding =
  /** `assurance`: how it was told. */
  { readonly kind: 'arrived' | 'ready'; readonly assurance: Held } | { readonly kind: 'unusable' | 'gone' };

/**
 * Looks at the part file and the final name of a delivery whose rename may have been asked for.
 * @throws StorageError `outcome-unknown` where the target lets nobody look
 */
export async function reconcile(run: RunContext, file: FileToMove, whole: PlacedPart): Promise<Finding> {
  return orUnknown(run, file, whole, async () => {
    const { joined } = whole;
    if (joined) return reconcileAppend(run, file, { ...whole, joined });
    const part = await holdsPart(run, file, whole);
    const arrived = async (): Promise<Finding | undefined> => {
      const assurance = await holds(run, file.targetPath, whole);
      return assurance && { kind: 'arrived', assurance };
    };
    if (!part) return (await arrived()) ?? { kind: 'gone' };
    // A rename that must not replace can be two steps at the other side (link, unlink): both names may hold our bytes.
    // Where replacing is allowed, equal bytes may as well be yesterday's: renaming once more does no harm.
    const found = run.definition.conflict === 'replace' ? undefined : await arrived();
    if (found) return found;
    const assurance = await holds(run, file.partPath, whole);
    return assurance ? { kind: 'ready', assurance } : { kind: 'unusable' };
  });
}

/** A look that is refused for good leaves the outcome unknown: another attempt would see no more. */
export async function orUnknown<T>(
  run: RunContext,
  file: FileToMove,
  whole: Whole,
  look: () => Promise<T>,
): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!isCode(error, 'permission-denied', 'unsupported', 'unknown')) throw error;
    throw new StorageError(
      'outcome-unknown',
      `${file.targetPath} at ${run.target.label}: its part file was to get this name or to be appended to it, the answer was lost, and ` +
        `looking what became of it (${whole.bytes} bytes, SHA-256 ${whole.sha256}) is refused: ${error.message}. Ask ` +
        'the partner whether it arrived; retry the run only if it has to be sent again',
      { cause: error },
    );
  }
}

export function outcomeUnknown(
  run: RunContext,
  file: FileToMove,
  whole: Whole,
  cause?: unknown,
): StorageError {
  return new StorageError(
    'outcome-unknown',
    `${file.targetPath} at ${run.target.label}: its part file was to be renamed to this name, but now there is neither ` +
      `the part file nor a file with what was sent (${whole.bytes} bytes, SHA-256 ${whole.sha256}). Ask the ` +
      'partner whether it arrived; retry the run only if it has to be sent again',
    { cause },
  );
}
