import type { RemotePath } from '@waybill/domain';
import { type FileInfo, StorageError } from '@waybill/storage';
import { reachOf } from './failure-reach.js';
import { type FileToMove, isCode, isSameVersion, type RunContext, statIfAny } from './run-context.js';
import { wholeOf } from './verify.js';

/**
 * Renames the source to its claimed name, where the transfer claims: from then on nobody else takes it. One that an
 * earlier attempt claimed stays as it is; a file that has come under its old name since is a new one.
 * @throws StorageError that says what to do, where the source refuses to rename
 */
export async function claimSource(run: RunContext, file: FileToMove): Promise<void> {
  if (!claims(file)) return;
  await run.journal.claiming();
  try {
    await rename(run, file.sourcePath, file.readPath);
  } catch (error) {
    if (run.signal.aborted || !(error instanceof StorageError)) throw error;
    const claimed = await statIfAny(run.source, file.readPath, run.signal);
    if (!claimed) throw refused(run, file, error);
    await settleBothNames(run, file, claimed);
  }
}

/**
 * Gives the source its own name back, if it is claimed.
 * @throws StorageError `already-exists` if another file has taken it
 */
export async function giveBack(run: RunContext, file: FileToMove): Promise<void> {
  const { source, signal, journal } = run;
  if (!claims(file) || !(await statIfAny(source, file.readPath, signal))) return;
  await journal.claiming();
  try {
    await rename(run, file.readPath, file.sourcePath);
  } catch (error) {
    if (!isCode(error, 'already-exists')) throw error;
    if (!(await haveSameBytes(run, file.readPath, file.sourcePath))) throw nameTaken(run, file, error);
    await source.remove(file.readPath, { signal });
  }
}

/**
 * Of a file that is not delivered, before that is written down: until then the next attempt would do it. Where the
 * source refuses, the next run of the transfer tries again.
 */
export async function giveBackIfClaimed(run: RunContext, file: FileToMove): Promise<void> {
  try {
    await giveBack(run, file);
  } catch (error) {
    const concernsFile = error instanceof StorageError && reachOf(error.code) !== 'run';
    if (run.signal.aborted || !concernsFile) throw error;
    run.warn(`${file.sourcePath} at ${run.source.label} is still claimed, as ${file.readPath}`, error);
  }
}

function claims({ sourcePath, readPath }: FileToMove): boolean {
  return readPath !== sourcePath;
}

function rename({ source, signal }: RunContext, from: RemotePath, to: RemotePath): Promise<void> {
  return source.move(from, to, { replace: false, signal });
}

/**
 * A rename that must not replace can be two steps at the other side: linking and unlinking, so that a crash leaves both
 * names to one file; or, where there are no links, an empty file that keeps the name until the rename.
 */
async function settleBothNames(run: RunContext, file: FileToMove, claimed: FileInfo): Promise<void> {
  const { source, signal } = run;
  const other = await statIfAny(source, file.sourcePath, signal);
  if (!other) return;
  if (claimed.size === 0 && file.size > 0 && isSameVersion(file, other)) {
    await source.remove(file.readPath, { signal });
    await rename(run, file.sourcePath, file.readPath);
  } else if (isSameVersion(claimed, other) && (await haveSameBytes(run, file.sourcePath, file.readPath))) {
    await source.remove(file.sourcePath, { signal });
  }
}

async function haveSameBytes({ source, signal }: RunContext, one: RemotePath, other: RemotePath) {
  const [first, second] = [await wholeOf(source, one, signal), await wholeOf(source, other, signal)];
  return first.sha256 === second.sha256;
}

/** What concerns more than this file, or says that there is none, says enough by itself. */
function refused({ source }: RunContext, file: FileToMove, error: StorageError): StorageError {
  if (error.code === 'not-found' || reachOf(error.code) === 'run') return error;
  return new StorageError(
    error.code,
    `${file.sourcePath} at ${source.label} can't be claimed by renaming it to ${file.readPath}: ${error.message}. Have ` +
      'renaming allowed there, or leave "claim" out of the transfer',
    { cause: error, owner: source.properties.owner },
  );
}

function nameTaken({ source }: RunContext, file: FileToMove, cause: StorageError): StorageError {
  return new StorageError(
    'already-exists',
    `${file.readPath} at ${source.label} can't be given its name back: another file is called ${file.sourcePath} by now. ` +
      'Move one of them; the next run of the transfer tries again',
    { cause, owner: source.properties.owner },
  );
}
