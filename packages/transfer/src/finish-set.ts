import type { FileSet } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { attachChecksum, concludeDelivery } from './finish-file.js';
import { attempted, fail, isAllDone, type LooseEnds, settle } from './loose-ends.js';
import { commitFile, type Delivered, deliveredBefore, type Staged, stageFile } from './move-file.js';
import { removePart } from './part-file.js';
import { fileOf, type RunContext } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';
import { controlFinder } from './whole-set.js';

/** Does a task for each of the items, some at once. */
export type InLanes = <T>(items: readonly T[], task: (item: T) => Promise<void>) => Promise<void>;

export interface SetOptions {
  readonly set: FileSet;
  readonly inLanes: InLanes;
  readonly isUnfinished: (record: DeliveryRecord) => boolean;
  readonly lastAttempt: boolean;
}

/**
 * All or nothing: every file of the set arrives under its part name, and is proven, before the first one gets its own; the
 * control file is last. If one can't be moved, none is. Renaming several files is several steps: if one of these is
 * refused, those before it stay, and those after it fail with the control file.
 *
 * @param records all files of the set, those that are done with too
 * @throws what concerns the whole run, and what another attempt or a person has to put right first
 */
export async function finishSet(
  run: RunContext,
  records: readonly DeliveryRecord[],
  ends: LooseEnds,
  { set, inLanes, isUnfinished, lastAttempt }: SetOptions,
): Promise<void> {
  const unfinished = records.filter(isUnfinished);
  const refused = records.find(({ targetPath }) => targetPath === '');
  if (refused) {
    ends.failures.push(whyRefused(refused));
    return failAll(run, unfinished, ends);
  }

  const arrived: Delivered[] = [];
  const arrive = async (delivered: Delivered) => {
    if (await attachChecksum(run, delivered, ends)) arrived.push(delivered);
  };
  const end = async (record: DeliveryRecord, delivered: Delivered | undefined) => {
    run.meter.settled(record.id, delivered ? 'delivered' : 'skipped');
    if (delivered) await arrive(delivered);
  };

  const waiting = new Map<DeliveryRecord, Staged>();
  await inLanes(unfinished, async (record) => {
    if (record.state === 'skipped') return removePart(run, fileOf(run, record));
    if (record.state === 'delivered') return arrive(deliveredBefore(run, record));
    const staged = await attempted(run, record, ends, () => stageFile(run, record));
    if (staged === 'failed') return;
    if (staged?.state === 'staged') waiting.set(record, staged);
    else await end(record, staged);
  });

  for (const group of controlLast(set, [...waiting.keys()]))
    await inLanes(group, async (record) => {
      const staged = waiting.get(record);
      if (!staged || !isAllDone(ends)) return;
      waiting.delete(record);
      const committed = await attempted(run, record, ends, () => commitFile(run, staged));
      if (committed !== 'failed') await end(record, committed);
    });

  await settle(run, ends, lastAttempt);
  await failAll(run, [...waiting.keys()], ends);
  await inLanes(arrived, (delivered) => concludeDelivery(run, delivered, ends));
}

function controlLast({ controlFile }: FileSet, records: readonly DeliveryRecord[]): DeliveryRecord[][] {
  if (controlFile === undefined) return [[...records]];
  const isControl = controlFinder(controlFile);
  return [records.filter((record) => !isControl(record)), records.filter(isControl)];
}

async function failAll(run: RunContext, records: readonly DeliveryRecord[], ends: LooseEnds): Promise<void> {
  const [why] = ends.failures;
  if (!why) return;
  for (const record of records.filter(({ state }) => state !== 'delivered' && state !== 'skipped')) {
    const message = `${record.sourcePath} was not delivered, since its set is incomplete: ${why.message}`;
    await fail(
      run,
      record,
      new StorageError('set-incomplete', message, { cause: why, owner: why.owner }),
      ends,
    );
  }
}

function whyRefused({ sourcePath, failure }: DeliveryRecord): StorageError {
  const { code = 'path-refused', owner, message = `${sourcePath} can't be moved` } = failure ?? {};
  return new StorageError(code, message, { owner });
}
