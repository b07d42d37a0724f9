import type { Id, RemotePath } from '@waybill/domain';
import { isPartOf } from '@waybill/domain/naming';
import { StorageError } from '@waybill/storage';
import { hashPrefix } from './resume.js';
import { type FileToMove, isSameVersion, type RunContext, statIfAny } from './run-context.js';
import type { DeliveryRecord, RunJournal } from './run-journal.js';
import { holds, type Whole } from './verify.js';

/** The file has no part file: it is written under its final name. */
export function isInPlace({ partPath, targetPath }: FileToMove): boolean {
  return partPath === targetPath;
}

/**
 * Which part files are a run's own. Under one of our names nobody else's can lie. Any other name may be somebody else's,
 * so that a file there has to be made by us, where there was none, and be written down as claimed: until then it is
 * neither continued nor emptied nor removed.
 */
export class OwnParts {
  readonly #journal: RunJournal;
  readonly #paths = new Map<Id, RemotePath>();

  constructor(journal: RunJournal, records: readonly DeliveryRecord[]) {
    this.#journal = journal;
    for (const { id, partPath, claimed } of records) if (claimed && partPath) this.#paths.set(id, partPath);
  }

  /** Where the part file of a delivery is; `undefined` if nothing there is known to be ours. */
  ownPart({ id, partPath }: Pick<FileToMove, 'id' | 'partPath'>): RemotePath | undefined {
    return isPartOf(id, partPath) ? partPath : this.#paths.get(id);
  }

  /** Told with each byte that arrives, claims the file with the first one; the bytes don't wait for it. */
  making(file: FileToMove): Making {
    return new Making(async () => {
      if (!this.ownPart(file)) await this.claim(file);
    });
  }

  async claim({ id, partPath }: FileToMove): Promise<void> {
    await this.#journal.claimed(id, true);
    this.#paths.set(id, partPath);
  }

  /** It was delivered: there is no part file any more. */
  delivered(id: Id): void {
    this.#paths.delete(id);
  }

  /** What lies under the part name from now on is not ours. */
  async release(id: Id): Promise<void> {
    if (!this.#paths.has(id)) return;
    await this.#journal.claimed(id, false);
    this.#paths.delete(id);
  }
}

/** Claims a file once it is known to have been made. */
export class Making {
  readonly #claim: () => Promise<void>;
  #claiming: Promise<void> | undefined;

  constructor(claim: () => Promise<void>) {
    this.#claim = claim;
  }

  /** The target has bytes of the file: it was made. */
  made(): void {
    this.#claiming ??= this.#claim();
    // Whoever settles hears of it.
    this.#claiming.catch(() => {});
  }

  async settle(): Promise<void> {
    await this.#claiming;
  }
}

/** May a file that is there be written over? Only under a final name, where the definition says to replace. */
export function hasToBeFresh({ definition }: RunContext, file: FileToMove): boolean {
  if (isPartOf(file.id, file.partPath)) return false;
  return !isInPlace(file) || definition.conflict !== 'replace';
}

/**
 * An attempt that died as it made its file did not come to claim it. What is there is ours if the source begins with the
 * same bytes, and it is not if the source, unchanged, begins with others.
 * @throws StorageError `already-exists` if that can't be told: a person has to look
 */
export async function adoptLeftover(run: RunContext, file: FileToMove): Promise<void> {
  if (!file.begun || run.ownParts.ownPart(file) || !hasToBeFresh(run, file)) return;
  const found = await statIfAny(run.target, file.partPath, run.signal);
  if (!found) return;
  if (found.size === 0) return run.ownParts.claim(file);
  const ours = (await run.transformsOf(file)) ? undefined : await beginsAlike(run, file, found.size);
  if (ours === undefined) throw ofUnknownOrigin(run, file);
  if (ours) await run.ownParts.claim(file);
}

/** @returns undefined if it can't be told */
async function beginsAlike(run: RunContext, file: FileToMove, bytes: number): Promise<boolean | undefined> {
  const source = await statIfAny(run.source, file.readPath, run.signal);
  if (!source || !isSameVersion(file, source)) return undefined;
  if (bytes > source.size) return false;
  const sent = await hashPrefix(run, run.source, file.readPath, bytes);
  const held = await hashPrefix(run, run.target, file.partPath, bytes);
  return sent && held && sent.hash.copy().digest('hex') === held.hash.copy().digest('hex');
}

/** Does the part file, which may have another file's name by now, hold the bytes that were put there? */
export async function holdsPart(run: RunContext, file: FileToMove, whole: Whole): Promise<boolean> {
  if (isInPlace(file)) return false;
  if (isPartOf(file.id, file.partPath))
    return (await statIfAny(run.target, file.partPath, run.signal)) !== undefined;
  return (await holds(run, file.partPath, whole)) !== undefined;
}

/** Best effort: a part file that stays is found and reused, or removed, by the next attempt. Touches none but our own. */
export async function removePart(run: RunContext, file: FileToMove): Promise<void> {
  const path = run.ownParts.ownPart(file);
  if (path !== undefined && (await discard(run, path))) await run.ownParts.release(file.id);
}

/** Best effort, of a part file that is ours. @returns whether it is gone */
export async function discard(run: RunContext, path: RemotePath): Promise<boolean> {
  try {
    await run.target.remove(path, { signal: run.signal });
    return true;
  } catch (error) {
    run.warn(`part file ${path} at ${run.target.label} could not be removed`, error);
    return false;
  }
}

export function partTaken({ target }: RunContext, { partPath }: FileToMove, cause: unknown): StorageError {
  return new StorageError(
    'already-exists',
    `${target.label} has a file ${partPath}, under whose name we were to write, and it is not ours: have it removed, or ` +
      'change partNaming of the endpoint',
    { cause },
  );
}

function ofUnknownOrigin({ target }: RunContext, { partPath, sourcePath }: FileToMove): StorageError {
  return new StorageError(
    'already-exists',
    `${target.label} has a file ${partPath}, where ${sourcePath} was about to be written when the worker died, and it ` +
      "can't be told whose it is: look at it, remove it if it is a piece of ours, and retry the run",
  );
}
