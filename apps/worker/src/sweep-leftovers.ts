import {
  beginSweep,
  type Database,
  deliveriesOver,
  type Endpoint,
  endSweep,
  partDirectoriesOfRun,
  releaseClaimedParts,
} from '@waybill/db';
import { baseName, type Id, type RemotePath } from '@waybill/domain';
import { deliveryDigitsOf } from '@waybill/domain/naming';
import type { StorageEndpoint } from '@waybill/storage';
import { type SweepRecords, sweep } from '@waybill/transfer';

/** A directory is not listed again for it before: runs may come every minute. */
const SWEEP_EVERY_MS = 3_600_000;

export interface Leftovers {
  readonly database: Database;
  readonly log: { readonly [Level in 'info' | 'warn']: (facts: object, message: string) => void };
  readonly runId: Id;
  readonly target: Pick<Endpoint, 'id' | 'name'>;
  readonly endpoint: StorageEndpoint;
  /** 0: nothing is removed, nor looked for. */
  readonly sweepAfterMs: number;
  readonly signal: AbortSignal;
}

/**
 * Removes old part files of runs that are over, where this run has put its own. Changes no outcome of a run: whatever
 * fails or is aborted is left to a later one.
 */
export async function sweepLeftovers({
  database,
  log,
  runId,
  target,
  endpoint,
  sweepAfterMs,
  signal,
}: Leftovers): Promise<void> {
  if (sweepAfterMs === 0) return;
  try {
    await sweep({
      endpoint,
      directories: await partDirectoriesOfRun(database, runId),
      records: sweepRecords(database, target.id, sweepAfterMs),
      safeAgeMs: sweepAfterMs,
      signal,
      now: () => new Date(),
      onRemoved: ({ path, size, since }) =>
        log.info({ endpoint: target.name, path, size, since }, 'removed a part file of a run that is over'),
    });
  } catch (error) {
    log.warn({ err: error, endpoint: target.name }, 'leftovers were not removed; a later run tries again');
  }
}

function sweepRecords(database: Database, endpointId: Id, sweepAfterMs: number): SweepRecords {
  const everyMs = Math.min(SWEEP_EVERY_MS, sweepAfterMs);
  return {
    begin: (directory) => beginSweep(database, endpointId, directory, everyMs),
    end: (directory, seen) => endSweep(database, endpointId, directory, seen),
    release: (paths) => release(database, endpointId, paths),
  };
}

/** Under our names a file is ours; under any other, only if a delivery has claimed it. */
async function release(
  database: Database,
  endpointId: Id,
  paths: readonly RemotePath[],
): Promise<ReadonlySet<RemotePath>> {
  const digitsOf = new Map(paths.map((path) => [path, deliveryDigitsOf(baseName(path))]));
  const named = paths.filter((path) => digitsOf.get(path) !== undefined);
  const over = await deliveriesOver(
    database,
    named.map((path) => digitsOf.get(path) ?? ''),
  );
  const others = paths.filter((path) => digitsOf.get(path) === undefined);
  const released = await releaseClaimedParts(database, endpointId, others);
  return new Set([...named.filter((path) => over.has(digitsOf.get(path) ?? '')), ...released]);
}
