import type { Id } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { giveBackIfClaimed } from './claim-source.js';
import { reachOf } from './failure-reach.js';
import { removePart } from './part-file.js';
import { fileOf, type RunContext } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';

/** What an attempt could not bring to an end. */
export interface LooseEnds {
  /** Failed for good, or delivered without all that follows. */
  readonly failures: StorageError[];
  /** Delivered, but without the checksum file that belongs beside them. */
  readonly incomplete: Map<Id, StorageError>;
  /** Delivered, but not acknowledged, and when to look again; done-files that stay with these are among them. */
  readonly unanswered: Map<Id, Date | undefined>;
  readonly forNow: { readonly record: DeliveryRecord; readonly error: StorageError }[];
  readonly held: { readonly record: DeliveryRecord; readonly error: StorageError }[];
}

export function noLooseEnds(): LooseEnds {
  return { failures: [], incomplete: new Map(), unanswered: new Map(), forNow: [], held: [] };
}

export function isAllDone({ failures, forNow, held }: LooseEnds): boolean {
  return failures.length + forNow.length + held.length === 0;
}

/**
 * A step of one file's delivery. What concerns this file alone goes to `ends`; the meter no longer counts it as moving.
 * @throws what concerns the whole run
 */
export async function attempted<T>(
  run: RunContext,
  record: DeliveryRecord,
  ends: LooseEnds,
  step: () => Promise<T>,
): Promise<T | 'failed'> {
  try {
    return await step();
  } catch (error) {
    run.meter.settled(record.id);
    if (run.signal.aborted || !(error instanceof StorageError)) throw error;
    const reach = reachOf(error.code);
    if (reach === 'run') throw error;
    if (reach === 'held') ends.held.push({ record, error });
    else if (reach === 'file-for-now') ends.forNow.push({ record, error });
    else await fail(run, record, error, ends);
    return 'failed';
  }
}

/** The journal first: it tells whether the part file is still ours to remove. */
export async function fail(
  run: RunContext,
  record: DeliveryRecord,
  error: StorageError,
  ends: LooseEnds,
): Promise<void> {
  const file = fileOf(run, record);
  await giveBackIfClaimed(run, file);
  await run.journal.failed(record.id, error.failure, 'failed');
  run.meter.settled(record.id, 'failed');
  ends.failures.push(error);
  await removePart(run, file);
}

/**
 * Once no file is moving any more: first what a person has to decide, then what another attempt may put right.
 * @throws StorageError where one of these comes first; otherwise all that failed has failed for good
 */
export async function settle(run: RunContext, ends: LooseEnds, lastAttempt: boolean): Promise<void> {
  await hold(run, ends);
  if (ends.forNow[0] && !lastAttempt) throw ends.forNow[0].error;
  for (const { record, error } of ends.forNow.splice(0)) await fail(run, record, error, ends);
}

/**
 * Only at the attempt's end, and then first of all: an attempt that ends otherwise is followed by another one of its
 * own accord, which must not take `unknown` for a person's decision.
 */
async function hold(run: RunContext, ends: LooseEnds): Promise<void> {
  const { held } = ends;
  for (const { record, error } of held)
    if (error.code === 'outcome-unknown') await leaveUnknown(run, record, error);
    else await fail(run, record, error, ends);
  if (held[0]) throw held[0].error;
}

async function leaveUnknown(run: RunContext, record: DeliveryRecord, error: StorageError): Promise<void> {
  await run.journal.failed(record.id, error.failure, 'unknown');
  run.meter.settled(record.id, 'unknown');
}
