import type { Failure, Id, RemotePath, TransferDefinition } from '@waybill/domain';
import { companionFinder } from '@waybill/domain/selection';
import type { StorageError } from '@waybill/storage';
import type { RunContext } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';

/** A run's files, and the done-files that follow once theirs have arrived. */
export interface Waves<File extends { readonly sourcePath: string } = DeliveryRecord> {
  readonly files: readonly File[];
  readonly companions: readonly { readonly record: File; readonly of: readonly File[] }[];
}

/** Files that were delivered, but without the checksum file that belongs beside them, and why. */
export type Incomplete = ReadonlyMap<Id, StorageError>;

/** A partner that waits for the done-file must find the file when it comes: done-files are moved last. */
export function inWaves<File extends { readonly sourcePath: string }>(
  records: readonly File[],
  definition: TransferDefinition,
): Waves<File> {
  const { doneFile } = definition.source.selection ?? {};
  if (doneFile?.afterwards !== 'move') return { files: records, companions: [] };
  const companionOf = companionFinder(doneFile.name);
  const filesOf = new Map<string, File[]>();
  for (const record of records) {
    const companion = companionOf(record.sourcePath as RemotePath);
    if (companion !== undefined) filesOf.set(companion, [...(filesOf.get(companion) ?? []), record]);
  }
  const companions = records.flatMap((record) => {
    const of = filesOf.get(record.sourcePath);
    return of ? [{ record, of }] : [];
  });
  return { files: records.filter(({ sourcePath }) => !filesOf.has(sourcePath)), companions };
}

/** The done-files whose files are all where they were to go. */
export async function companionsDue(
  { journal }: RunContext,
  { companions }: Waves,
  incomplete: Incomplete,
): Promise<DeliveryRecord[]> {
  if (companions.length === 0) return [];
  const now = new Map((await journal.deliveries()).map((record) => [record.id, record]));
  const isDone = ({ id }: DeliveryRecord) =>
    ['delivered', 'skipped'].includes(now.get(id)?.state ?? '') && !incomplete.has(id);
  return companions.filter(({ of }) => of.every(isDone)).map(({ record }) => now.get(record.id) ?? record);
}

/** A done-file stays at the source with its file, until that is acknowledged. */
export function keepCompanions({ companions }: Waves, unanswered: Map<Id, Date | undefined>): void {
  const stays = ({ id, state, failure }: DeliveryRecord) =>
    unanswered.has(id) || (state === 'delivered' && failure !== undefined);
  for (const { record, of } of companions) if (of.some(stays)) unanswered.set(record.id, undefined);
}

/** A done-file has failed with its file: a retry revives both. */
export async function failCompanions(
  run: RunContext,
  { companions }: Waves,
  incomplete: Incomplete,
): Promise<void> {
  if (companions.length === 0) return;
  const now = new Map((await run.journal.deliveries()).map((record) => [record.id, record]));
  for (const { record, of } of companions) {
    const failure = of
      .map(({ id }) => whyNotFollowed(now.get(id), incomplete))
      .find((why) => why !== undefined);
    if (!failure || now.get(record.id)?.state !== 'selected') continue;
    await run.journal.failed(record.id, failure, 'failed');
    run.meter.settled(record.id, 'failed');
  }
}

function whyNotFollowed(file: DeliveryRecord | undefined, incomplete: Incomplete): Failure | undefined {
  if (file?.state === 'failed')
    return {
      code: file.failure?.code ?? 'unknown',
      message: `its file ${file.sourcePath} was not delivered`,
    };
  const error = file && incomplete.get(file.id);
  return error && { code: error.code, message: `its file ${file.sourcePath} got no checksum file` };
}
