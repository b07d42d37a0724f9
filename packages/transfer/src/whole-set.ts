import { baseName, type FileSet, type RemotePath } from '@waybill/domain';
import { type Explained, namePattern } from '@waybill/domain/selection';
import type { SelectedFile } from './run-journal.js';
import { isUnsettled } from './settle.js';

/**
 * Why what the first attempt of a run found is no set that is taken: one of its files is still being written, or its
 * control file is missing. Then all of it is left for the next run. `undefined`: it is taken, or no set is asked for.
 */
export function whyNotWhole(
  set: FileSet | undefined,
  selected: readonly SelectedFile[],
  explained: readonly Explained[],
): string | undefined {
  if (!set || selected.length === 0) return undefined;
  const { controlFile } = set;
  const unsettled = explained.filter(isUnsettled).length;
  if (unsettled > 0) return `${unsettled} file(s) of it are still being written`;
  if (controlFile === undefined || selected.some(controlFinder(controlFile))) return undefined;
  return `its control file, "${controlFile}", is missing`;
}

/** Tells control files by their names at the source. */
export function controlFinder(pattern: string): (file: { readonly sourcePath: string }) => boolean {
  const { isMatch } = namePattern(pattern);
  return ({ sourcePath }) => isMatch(baseName(sourcePath as RemotePath));
}
