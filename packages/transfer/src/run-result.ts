import type { Failure } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import type { LooseEnds } from './loose-ends.js';
import type { RunContext } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';

/** Counts are over the whole run, earlier attempts included. */
export interface RunCounts {
  readonly selected: number;
  readonly delivered: number;
  readonly skipped: number;
  readonly failed: number;
  /** Delivered, as they were at the source. */
  readonly bytes: number;
}

export type RunResult = RunCounts &
  (
    | { readonly state: 'succeeded' }
    /**
     * Some deliveries failed for good, or what follows a delivery could not be done: checksum file, acknowledgement,
     * disposition. `failure` is the first one.
     */
    | { readonly state: 'partial'; readonly failure: Failure }
    /** Nothing is left to be done until the partner has acknowledged what was delivered: another attempt looks for that. */
    | { readonly state: 'waiting'; readonly until: Date; readonly reason: string }
  );

/**
 * What an attempt that went through came to.
 * @param others what it had nothing to do with
 * @throws StorageError the first failure if there was nothing but failures
 */
export function resultOf(run: RunContext, others: readonly DeliveryRecord[], ends: LooseEnds): RunResult {
  return waiting(run, ends) ?? sumUp(run, others, ends);
}

/** `undefined` unless an answer is waited for. Failures are on record, and found there by the attempt that ends the run. */
function waiting(run: RunContext, { unanswered }: LooseEnds): RunResult | undefined {
  const looks = [...unanswered.values()].filter((lookAgainAt) => lookAgainAt !== undefined);
  if (looks.length === 0) return undefined;
  const until = new Date(Math.min(...looks.map((look) => look.getTime())));
  const files = looks.length === 1 ? '1 delivered file' : `${looks.length} delivered files`;
  const reason = `the partner has yet to acknowledge ${files}`;
  return { state: 'waiting', until, reason, ...countsOf(run) };
}

function sumUp(run: RunContext, others: readonly DeliveryRecord[], ends: LooseEnds): RunResult {
  const counts = countsOf(run);
  const failure = ends.failures[0]?.failure ?? failedBefore(others);
  if (!failure) return { state: 'succeeded', ...counts };
  if (counts.delivered + counts.skipped === 0)
    throw new StorageError(
      failure.code,
      `none of ${counts.selected} selected files was delivered; the first failure: ${failure.message}`,
      { cause: ends.failures[0], owner: failure.owner },
    );
  return { state: 'partial', ...counts, failure };
}

function countsOf({ meter }: RunContext): RunCounts {
  return { ...meter.current().files, bytes: meter.bytesDelivered() };
}

/** Of the first file that selection itself found to be a failure, or that has failed in an earlier attempt. */
function failedBefore(records: readonly DeliveryRecord[]): Failure | undefined {
  const record = records.find(({ targetPath, failure }) => targetPath === '' || failure);
  if (record?.targetPath !== '') return record?.failure;
  const { failure, sourcePath } = record;
  return {
    code: failure?.code ?? 'path-refused',
    owner: failure?.owner,
    message: `${sourcePath} can't be moved; its delivery says why`,
  };
}
