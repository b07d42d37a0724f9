import { StorageError } from '@waybill/storage';
import { finishFile } from './finish-file.js';
import type { LooseEnds } from './loose-ends.js';
import type { RunContext } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';

/** The deliveries by their final names, in order: several have one only where files are appended to each other. */
export function byTarget(records: readonly DeliveryRecord[]): DeliveryRecord[][] {
  const turns = new Map<string, DeliveryRecord[]>();
  for (const record of records) {
    const turn = turns.get(record.targetPath);
    if (turn) turn.push(record);
    else turns.set(record.targetPath, [record]);
  }
  return [...turns.values()];
}

/** Deliveries under one final name, one after the other: behind one that another attempt has to go on with, none. */
export async function finishInTurn(
  run: RunContext,
  turn: readonly DeliveryRecord[],
  ends: LooseEnds,
): Promise<void> {
  let before: StorageError | undefined;
  for (const record of turn) {
    if (before) ends.forNow.push({ record, error: waits(record, before) });
    else await finishFile(run, record, ends);
    before ??= [...ends.forNow, ...ends.held].find((left) => left.record === record)?.error;
  }
}

function waits({ sourcePath, targetPath }: DeliveryRecord, cause: StorageError): StorageError {
  const message = `${sourcePath} was not appended to ${targetPath}, since a file before it was not: ${cause.message}`;
  return new StorageError(cause.code, message, { cause, owner: cause.owner });
}
