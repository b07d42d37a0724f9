import { baseName, joinPath, parsePath, type RemotePath, type TransferDefinition } from '@waybill/domain';
import { directoryBelow } from '@waybill/domain/naming';
import { fitName } from './part-name.js';
import { type FileToMove, isCode, isSameVersion, type RunContext, statIfAny } from './run-context.js';

/**
 * What happens to the source of a delivered file. A source that is gone was disposed of by an earlier attempt whose
 * answer was lost; one with another size or time is a new file, which is left alone.
 */
export async function dispose(run: RunContext, file: FileToMove): Promise<void> {
  const { definition, source, journal, signal } = run;
  const { disposition } = definition;
  if (disposition.kind === 'keep') return;
  const found = await statIfAny(source, file.sourcePath, signal);
  if (found && isSameVersion(file, found)) {
    await journal.disposing(file.id);
    const directory = archiveDirectoryOf(definition, file.sourcePath);
    if (directory === undefined) await source.remove(file.sourcePath, { signal });
    else await archive(run, file.sourcePath, directory);
  }
  await journal.disposed(file.id);
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
async function archive(run: RunContext, path: RemotePath, directory: RemotePath): Promise<void> {
  const name = baseName(path);
  try {
    await moveAside(run, path, joinPath(directory, name));
  } catch (error) {
    if (!isCode(error, 'already-exists')) throw error;
    await moveAside(run, path, joinPath(directory, fitName('', name, `.${timestamp(run.now())}`)));
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
