import { StorageError } from '@waybill/storage';
import { lookForAnswer } from './acknowledgement.js';
import { dispose } from './dispose.js';
import { concernsOneFile } from './failure-reach.js';
import { attempted, type LooseEnds } from './loose-ends.js';
import { type Delivered, deliveredBefore, moveFile } from './move-file.js';
import { removePart } from './part-file.js';
import { type FileToMove, fileOf, type RunContext } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';
import { writeChecksum } from './written-checksum.js';

/**
 * Brings one delivery to its end, from wherever the last attempt left it.
 * @throws what concerns the whole run; what concerns this file alone goes to `ends`
 */
export async function finishFile(run: RunContext, record: DeliveryRecord, ends: LooseEnds): Promise<void> {
  run.signal.throwIfAborted();
  if (record.state === 'skipped') return removePart(run, fileOf(run, record));
  const delivered =
    record.state === 'delivered' ? deliveredBefore(run, record) : await deliver(run, record, ends);
  if (delivered && (await attachChecksum(run, delivered, ends))) await concludeDelivery(run, delivered, ends);
}

/** @returns what was delivered; `undefined` if nothing was */
async function deliver(
  run: RunContext,
  record: DeliveryRecord,
  ends: LooseEnds,
): Promise<Delivered | undefined> {
  const moved = await attempted(run, record, ends, () => moveFile(run, record));
  if (moved === 'failed') return undefined;
  run.meter.settled(record.id, moved ? 'delivered' : 'skipped');
  return moved;
}

/** @returns whether the file has all that belongs beside it */
export async function attachChecksum(
  run: RunContext,
  { file, arrived }: Delivered,
  ends: LooseEnds,
): Promise<boolean> {
  try {
    await writeChecksum(run, file, arrived);
    return true;
  } catch (error) {
    if (!concernsOneFile(run, error)) throw error;
    const message = `${file.targetPath} was delivered, but its checksum file could not be written: ${error.message}`;
    ends.failures.push(new StorageError(error.code, message, { cause: error, owner: error.owner }));
    ends.incomplete.set(file.id, error);
    return false;
  }
}

/** What comes last: the source is disposed of, once the partner has acknowledged the file or need not. */
export async function concludeDelivery(
  run: RunContext,
  delivered: Delivered,
  ends: LooseEnds,
): Promise<void> {
  if (await isAcknowledged(run, delivered, ends)) await disposeOf(run, delivered, ends);
}

async function isAcknowledged(
  run: RunContext,
  { file, arrived }: Delivered,
  { unanswered, failures }: LooseEnds,
): Promise<boolean> {
  if (run.isCompanion(file)) return !unanswered.has(file.id);
  try {
    const lookAgainAt = await lookForAnswer(run, file, arrived);
    if (lookAgainAt) unanswered.set(file.id, lookAgainAt);
    return !lookAgainAt;
  } catch (error) {
    if (!concernsOneFile(run, error)) throw error;
    unanswered.set(file.id, undefined);
    failures.push(error.code === 'not-acknowledged' ? error : notLookedFor(file, error));
    return false;
  }
}

function notLookedFor({ targetPath }: FileToMove, error: StorageError): StorageError {
  const message = `${targetPath} was delivered, but the partner's answer could not be looked for: ${error.message}`;
  return new StorageError(error.code, message, { cause: error, owner: error.owner });
}

async function disposeOf(run: RunContext, { file }: Delivered, ends: LooseEnds): Promise<void> {
  try {
    await dispose(run, file);
  } catch (error) {
    if (!concernsOneFile(run, error)) throw error;
    const message = `${file.sourcePath} was delivered, but its source could not be disposed of: ${error.message}`;
    ends.failures.push(new StorageError(error.code, message, { cause: error, owner: error.owner }));
  }
}
