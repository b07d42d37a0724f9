import type { RemotePath } from '@waybill/domain';
import { DEFAULT_RENAME_SUFFIX, MAX_RENAMES, namesFor } from '@waybill/domain/naming';
import { companionFinder } from '@waybill/domain/selection';
import { StorageError } from '@waybill/storage';
import { renameOnto } from './rename-onto.js';
import { type FileToMove, type RunContext, statIfAny } from './run-context.js';
import type { PlacedPart, WholePart } from './run-journal.js';

/**
 * Conflict rule `rename`: the part file gets the first name that is free. The look only spares asking for names that
 * are taken; it is the rename itself, which replaces nothing, that takes the name.
 * @throws StorageError `already-exists` if all of them are taken
 */
export async function commitUnderFreeName(
  run: RunContext,
  file: FileToMove,
  proof: WholePart,
): Promise<PlacedPart> {
  for await (const targetPath of freeNames(run, file)) {
    const placed = await renameOnto(run, { ...file, targetPath }, proof, { replace: false });
    if (!(placed instanceof StorageError)) return placed;
  }
  throw noneFree(run, file);
}

/** The names under which neither file nor checksum file was found, in turn: each may be taken by the time it is used. */
export async function* freeNames(run: RunContext, { targetPath }: FileToMove) {
  const { renameSuffix, checksumFile } = run.definition.target;
  const beside = checksumFile && companionFinder(checksumFile.name);
  const isFree = async (path: RemotePath | undefined) =>
    path === undefined || !(await statIfAny(run.target, path, run.signal));
  for (const name of namesFor(targetPath, renameSuffix))
    if ((await isFree(name)) && (await isFree(beside?.(name)))) yield name;
}

export function noneFree(run: RunContext, { targetPath }: FileToMove): StorageError {
  const suffix = run.definition.target.renameSuffix ?? DEFAULT_RENAME_SUFFIX;
  return new StorageError(
    'already-exists',
    `${run.target.label} already has ${targetPath}, and all ${MAX_RENAMES} names with "${suffix}" beside it; remove some`,
  );
}
