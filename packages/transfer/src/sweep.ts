import { baseName, type RemotePath } from '@waybill/domain';
import { isAsideName, isPartNameBy } from '@waybill/domain/naming';
import type { StorageEndpoint } from '@waybill/storage';
import { listIfThere } from './list-source.js';
import { statIfAny } from './run-context.js';

/** In one directory; there are more where others name their files as we name part files. */
const MAX_SIGHTINGS = 10_000;

/** A file with the name of a part file, as a sweep saw it. */
export interface Sighting {
  readonly path: RemotePath;
  readonly size: number;
  readonly modifiedAt: Date;
  /** Since when it has been seen like this, by our clock. */
  readonly since: Date;
}

/** What is known of the part files of all runs, and what sweeps have seen. */
export interface SweepRecords {
  /** What the last sweep of the directory saw; `undefined` if that was a moment ago, or another one is under way. */
  begin(directory: RemotePath): Promise<readonly Sighting[] | undefined>;
  end(directory: RemotePath, seen: readonly Sighting[]): Promise<void>;
  /**
   * Those that are leftovers of ours: their names tell, or our records, and no run that is not over has them. Asked just
   * before they are removed: from then on no delivery takes them for its own.
   */
  release(paths: readonly RemotePath[]): Promise<ReadonlySet<RemotePath>>;
}

export interface Sweep {
  readonly endpoint: StorageEndpoint;
  readonly directories: Iterable<RemotePath>;
  readonly records: SweepRecords;
  /** A leftover is removed once it has been seen, unchanged, for so long. Milliseconds. */
  readonly safeAgeMs: number;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Told each file that was removed, for the record. */
  readonly onRemoved: (leftover: Sighting) => void;
}

/**
 * Removes what runs that are over left under names of part files, in the given directories alone. Times that files have
 * are not believed: they can be those of a source. What counts is how long we have seen a file unchanged.
 */
export async function sweep({ directories, ...rest }: Sweep): Promise<void> {
  for (const directory of directories) await sweepDirectory(rest, directory);
}

async function sweepDirectory(sweep: Omit<Sweep, 'directories'>, directory: RemotePath): Promise<void> {
  const before = await sweep.records.begin(directory);
  if (!before) return;
  const seen = await sightings(sweep, directory, before);
  const removed = await removeLeftovers(sweep, seen.filter(isDue(sweep)));
  await sweep.records.end(
    directory,
    seen.filter((sighting) => !removed.has(sighting)),
  );
}

async function sightings(
  { endpoint, signal, now }: Omit<Sweep, 'directories'>,
  directory: RemotePath,
  before: readonly Sighting[],
): Promise<Sighting[]> {
  const known = new Map(before.map((sighting) => [sighting.path, sighting]));
  const seen: Sighting[] = [];
  for await (const entry of listIfThere(endpoint, directory, signal)) {
    if (seen.length === MAX_SIGHTINGS) break;
    if (entry.kind !== 'file' || !mayBeLeftover(endpoint, entry.path)) continue;
    const { path, size, modifiedAt } = entry;
    const earlier = known.get(path);
    const same = earlier?.size === size && earlier.modifiedAt.getTime() === modifiedAt.getTime();
    seen.push({ path, size, modifiedAt, since: same ? earlier.since : now() });
  }
  return seen;
}

/** The old file of a replacement that was interrupted is no leftover: it has to come back. */
function mayBeLeftover({ properties }: StorageEndpoint, path: RemotePath): boolean {
  const name = baseName(path);
  return isPartNameBy(properties.partNaming, name) && !isAsideName(name);
}

function isDue({ safeAgeMs, now }: Pick<Sweep, 'safeAgeMs' | 'now'>): (sighting: Sighting) => boolean {
  return ({ since }) => now().getTime() - since.getTime() >= safeAgeMs;
}

async function removeLeftovers(
  { endpoint, records, signal, onRemoved }: Omit<Sweep, 'directories'>,
  due: readonly Sighting[],
): Promise<ReadonlySet<Sighting>> {
  const removed = new Set<Sighting>();
  if (due.length === 0) return removed;
  const ours = await records.release(due.map(({ path }) => path));
  for (const leftover of due) {
    if (!ours.has(leftover.path) || !(await isStill(endpoint, leftover, signal))) continue;
    await endpoint.remove(leftover.path, { signal });
    removed.add(leftover);
    onRemoved(leftover);
  }
  return removed;
}

async function isStill(endpoint: StorageEndpoint, { path, size, modifiedAt }: Sighting, signal: AbortSignal) {
  const found = await statIfAny(endpoint, path, signal);
  return found?.size === size && found.modifiedAt.getTime() === modifiedAt.getTime();
}
