import {
  baseName,
  joinPath,
  parentOf,
  parsePath,
  type RemotePath,
  type TransferDefinition,
} from '@waybill/domain';
import { directoryBelow } from '@waybill/domain/naming';
import { companionFinder } from '@waybill/domain/selection';
import type { FileInfo } from '@waybill/storage';
import { giveBack } from './claim-source.js';
import { fitName } from './part-name.js';
import { type FileToMove, isCode, isSameVersion, type RunContext, statIfAny } from './run-context.js';

/**
 * What happens to the source of a delivered file, and to what lies beside it. A source that is gone was disposed of by an
 * earlier attempt whose answer was lost; one with another size or time is a new file, which is left alone with all that
 * lies beside it.
 */
export async function dispose(run: RunContext, file: FileToMove): Promise<void> {
  const { definition, journal } = run;
  if (endsWithDelivery(definition)) return;
  if (definition.disposition.kind !== 'keep' || removesDoneFiles(definition)) {
    const found = await findSource(run, file);
    if (!found || isSameVersion(file, found)) {
      await journal.disposing(file.id);
      if (!run.isCompanion(file)) await disposeOfCompanions(run, file);
      if (found) await disposeOfOne(run, file.sourcePath, found.path);
    }
  }
  await giveBack(run, file);
  await journal.disposed(file.id);
}

/** Is a file done with once it is delivered? What else follows is on record as disposed of. */
export function endsWithDelivery(definition: TransferDefinition): boolean {
  const { disposition, source, target } = definition;
  const { checksumFile, acknowledgement } = target;
  if (source.claim || checksumFile || acknowledgement || removesDoneFiles(definition)) return false;
  return disposition.kind === 'keep';
}

function removesDoneFiles({ source }: TransferDefinition): boolean {
  return source.selection?.doneFile?.afterwards === 'remove';
}

/** Before their file, by whose record the next attempt knows that all are done with. */
async function disposeOfCompanions(run: RunContext, { sourcePath }: FileToMove): Promise<void> {
  const { checksumFile, selection } = run.definition.source;
  const beside = (rule: { readonly name: string }) => companionFinder(rule.name)(sourcePath);
  const checksum = checksumFile && beside(checksumFile);
  if (checksum !== undefined) await disposeOfOne(run, checksum);
  const done = selection?.doneFile?.afterwards === 'remove' ? beside(selection.doneFile) : undefined;
  if (done !== undefined) await run.source.remove(done, { signal: run.signal });
}

/** It may lie under another name than its own. */
async function disposeOfOne(run: RunContext, path: RemotePath, lies = path): Promise<void> {
  const { definition, source, signal } = run;
  if (definition.disposition.kind === 'keep') return;
  const directory = archiveDirectoryOf(definition, path);
  if (directory === undefined) await source.remove(lies, { signal });
  else await archive(run, lies, joinPath(directory, baseName(path)));
}

/** A claimed file was given back where its run had been taken for ended, before a person had it go on. */
async function findSource({ source, signal }: RunContext, file: FileToMove): Promise<FileInfo | undefined> {
  const claimed = await statIfAny(source, file.readPath, signal);
  return claimed ?? (await statIfAny(source, file.sourcePath, signal));
}

/** Where a source is archived, directories below the source directory mirrored; `undefined` where it is not. */
export function archiveDirectoryOf(
  { source, disposition }: TransferDefinition,
  sourcePath: RemotePath,
): RemotePath | undefined {
  if (disposition.kind !== 'archive') return undefined;
  return parsePath(`${disposition.directory}/${directoryBelow(source.directory, sourcePath)}`);
}

/** Under its own name or, if the archive has that already, with the time appended. Never replaces an archived file. */
async function archive(run: RunContext, path: RemotePath, archived: RemotePath): Promise<void> {
  try {
    await moveAside(run, path, archived);
  } catch (error) {
    if (!isCode(error, 'already-exists')) throw error;
    const name = fitName('', baseName(archived), `.${timestamp(run.now())}`);
    await moveAside(run, path, joinPath(parentOf(archived), name));
  }
}

async function moveAside(run: RunContext, from: RemotePath, to: RemotePath): Promise<void> {
  try {
    await run.source.move(from, to, { replace: false, signal: run.signal });
  } catch (error) {
    const stillThere = isCode(error, 'not-found') && (await statIfAny(run.source, from, run.signal));
    if (!isCode(error, 'not-found') || stillThere) throw error;
  }
}

/** UTC, without characters that some file systems refuse: `20260131T235959.123Z`. */
function timestamp(at: Date): string {
  return at.toISOString().replace(/[-:]/g, '');
}
