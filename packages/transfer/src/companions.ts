import type { RemotePath, TransferDefinition } from '@waybill/domain';
import { companionFinder } from '@waybill/domain/selection';
import { type FileToMove, isSameVersion, type RunContext, statIfAny } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';

/** A run's files, and the done-files that follow once theirs have arrived. */
export interface Waves {
  readonly files: readonly DeliveryRecord[];
  readonly companions: readonly { readonly record: DeliveryRecord; readonly of: readonly DeliveryRecord[] }[];
}

/** A partner that waits for the done-file must find the file when it comes: done-files are moved last. */
export function inWaves(records: readonly DeliveryRecord[], definition: TransferDefinition): Waves {
  const { doneFile } = definition.source.selection ?? {};
  if (doneFile?.afterwards !== 'move') return { files: records, companions: [] };
  const companionOf = companionFinder(doneFile.name);
  const filesOf = new Map<string, DeliveryRecord[]>();
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
): Promise<DeliveryRecord[]> {
  if (companions.length === 0) return [];
  const now = new Map((await journal.deliveries()).map((record) => [record.id, record.state]));
  const isDone = ({ id }: DeliveryRecord) => ['delivered', 'skipped'].includes(now.get(id) ?? '');
  return companions.filter(({ of }) => of.every(isDone)).map(({ record }) => record);
}

/** A done-file has failed with its file: a retry revives both. */
export async function failCompanions(run: RunContext, { companions }: Waves): Promise<void> {
  if (companions.length === 0) return;
  const now = new Map((await run.journal.deliveries()).map((record) => [record.id, record]));
  for (const { record, of } of companions) {
    const failed = of.map(({ id }) => now.get(id)).find((file) => file?.state === 'failed');
    if (!failed || now.get(record.id)?.state !== 'selected') continue;
    const message = `its file ${failed.sourcePath} was not delivered`;
    await run.journal.failed(record.id, { code: failed.failure?.code ?? 'unknown', message }, 'failed');
    run.meter.settled(record.id, 'failed');
  }
}

export function removesCompanions({ source }: TransferDefinition): boolean {
  return source.selection?.doneFile?.afterwards === 'remove';
}

/**
 * Removes the done-file of a delivered file, where the rules say so. Before the file's own disposition, by whose record
 * the next attempt knows that both are done with; and only while the file is the one that was moved: the done-file of a
 * newer one stays.
 */
export async function removeCompanion(run: RunContext, file: FileToMove): Promise<void> {
  const { doneFile } = run.definition.source.selection ?? {};
  if (doneFile?.afterwards !== 'remove') return;
  const companion = companionFinder(doneFile.name)(file.sourcePath);
  if (companion === undefined) return;
  const found = await statIfAny(run.source, file.sourcePath, run.signal);
  if (!found || isSameVersion(file, found)) {
    await run.journal.disposing(file.id);
    await run.source.remove(companion, { signal: run.signal });
  }
  if (run.definition.disposition.kind === 'keep') await run.journal.disposed(file.id);
}
