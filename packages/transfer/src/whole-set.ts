import { baseName, type FileSet, type RemotePath } from '@waybill/domain';
import { namePattern } from '@waybill/domain/selection';
import type { SelectedFile } from './run-journal.js';

/**
 * What the first attempt of a run found, as a set: all of it, or nothing as long as one of its files is still being
 * written, or its control file is missing. Then it is left for the next run.
 *
 * @param unsettled how many files are still being written
 */
export function wholeSet(
  { controlFile }: FileSet,
  selected: readonly SelectedFile[],
  unsettled: number,
  warn: (message: string, cause: unknown) => void,
): SelectedFile[] {
  const why = whyNotWhole(controlFile, selected, unsettled);
  if (why === undefined) return [...selected];
  warn(`a set of ${selected.length} file(s) is left for the next run: ${why}`, undefined);
  return [];
}

function whyNotWhole(
  controlFile: string | undefined,
  selected: readonly SelectedFile[],
  unsettled: number,
): string | undefined {
  if (selected.length === 0) return undefined;
  if (unsettled > 0) return `${unsettled} file(s) of it are still being written`;
  if (controlFile === undefined || selected.some(controlFinder(controlFile))) return undefined;
  return `its control file, "${controlFile}", is missing`;
}

/** Tells control files by their names at the source. */
export function controlFinder(pattern: string): (file: { readonly sourcePath: string }) => boolean {
  const { isMatch } = namePattern(pattern);
  return ({ sourcePath }) => isMatch(baseName(sourcePath as RemotePath));
}
