import { parentOf, type RemotePath, type TransferDefinition, type Verification } from '@waybill/domain';
import { type StorageEndpoint, StorageError } from '@waybill/storage';
import { awaitsOnlyAnswers } from './acknowledgement.js';
import { type ClaimsOfEndedRuns, giveBackAll, giveBackLeftovers } from './claims.js';
import { companionsDue, failCompanions, inWaves, keepCompanions, type Waves } from './companions.js';
import { archiveDirectoryOf, endsWithDelivery } from './dispose.js';
import { checksumsWanted } from './file-hash.js';
import { finishSet, type InLanes } from './finish-set.js';
import { inParallel } from './in-parallel.js';
import { byTarget, finishInTurn } from './in-turn.js';
import { type Ledger, recall } from './ledger.js';
import type { RunFacts } from './look-at-source.js';
import { noLooseEnds, settle } from './loose-ends.js';
import { OwnParts } from './part-file.js';
import { Preserver } from './preserve.js';
import { type Progress, ProgressMeter } from './progress.js';
import { refusePlaces } from './refuse-places.js';
import { fileOf, type RunContext } from './run-context.js';
import { type DeliveryRecord, type RunJournal, Superseded } from './run-journal.js';
import { type RunResult, resultOf } from './run-result.js';
import { type SelectionInput, selectFiles } from './select-files.js';
import { skipSeenCompanions } from './skip-seen.js';
import { type OpenTransforms, transformsOf } from './transform-file.js';

const CHECKPOINT_EVERY_BYTES = 32 * 1024 * 1024;

export interface RunTransferInput {
  readonly definition: TransferDefinition;
  /** The weakest proof of arrival that counts: what the definition asks for if left out, or else `size`. */
  readonly proof?: Verification;
  readonly source: StorageEndpoint;
  readonly target: StorageEndpoint;
  /** Opens the transforms of the definition; has to be there if it has any. */
  readonly openTransforms?: OpenTransforms | undefined;
  readonly journal: RunJournal;
  readonly signal: AbortSignal;
  /** What target names are made of besides the file; left out: a run of its own, made now. */
  readonly run?: RunFacts;
  /** The source's clock minus ours, where it was measured; it tells how old a file is. */
  readonly sourceClockOffsetMs?: number | undefined;
  /** What the transfer has delivered before, for rules that take new files only. Left out: nothing. */
  readonly ledger?: Ledger;
  /**
   * No further attempt follows by itself: a file whose failure could pass is then failed for good instead of making
   * the whole call reject, unless nothing was delivered.
   */
  readonly lastAttempt: boolean;
  /** Will no attempt follow one that fails with this error? Then claimed files are given back. Left out: one will. */
  readonly endsRun?: (error: unknown) => boolean;
  /** Left out: claimed files that earlier runs left are not looked for. */
  readonly claimsOfEndedRuns?: ClaimsOfEndedRuns;
  /** At most four times a second, and once at the end. */
  readonly onProgress?: (progress: Progress) => void;
  /** Something went wrong that changes no outcome, such as a part file that could not be removed. */
  readonly onWarning?: (message: string, cause: unknown) => void;
  readonly now?: () => Date;
  /** Default 32 MiB; checkpoints of one file are also at least a second apart. */
  readonly checkpointEveryBytes?: number;
}

/**
 * One attempt of a run: selects out of what the source holds, and brings each file from wherever earlier attempts left
 * it to its final name and the source to its disposition. Files fail one by one; what concerns all of them stops the
 * attempt.
 *
 * @throws StorageError with the failure that stopped the attempt, of one file or of an endpoint: the caller's retry
 * policy decides. `outcome-unknown` has to hold the run: the next call takes it for a person's decision to go on.
 * @throws Superseded as soon as the journal does; nothing is touched after that
 * @throws the signal's reason once it is aborted; part files stay for the next attempt
 */
export async function runTransfer(input: RunTransferInput): Promise<RunResult> {
  try {
    return await attempt(input);
  } catch (error) {
    if (!(error instanceof Superseded) && input.endsRun?.(error)) await giveBackAll(input);
    throw error;
  }
}

async function attempt(input: RunTransferInput): Promise<RunResult> {
  const { definition, journal, signal, lastAttempt } = input;
  refusePlaces(definition, input.target.properties.partNaming);
  refuseAppend(input);
  const known = await journal.deliveries();
  const onlyWaits = awaitsOnlyAnswers(known);
  if (!onlyWaits) await selectMore(input, known);
  const records = onlyWaits ? known : await journal.deliveries();
  const isUnfinished = (record: DeliveryRecord) => isToDo(record, definition, onlyWaits);
  const unfinished = records.filter(isUnfinished);
  const others = records.filter((record) => !isUnfinished(record));
  const waves = inWaves(records, definition);

  const stop = new AbortController();
  const run = await openRun(input, records, waves, isUnfinished, AbortSignal.any([signal, stop.signal]));
  const ends = noLooseEnds();
  try {
    if (unfinished.length > 0) await makeDirectories(run, unfinished);
    const inLanes: InLanes = (items, task) => inParallel(items, lanesOf(run), stop, task);
    const finishEach = (those: readonly DeliveryRecord[]) =>
      inLanes(byTarget(those.filter(isUnfinished)), (turn) => finishInTurn(run, turn, ends));
    const { set } = definition;
    if (set) await finishSet(run, waves.files, ends, { set, inLanes, isUnfinished, lastAttempt });
    else await finishEach(waves.files);
    await skipSeenCompanions(run, waves);
    keepCompanions(waves, ends.unanswered);
    await finishEach(await companionsDue(run, waves, ends.incomplete));
    await settle(run, ends, lastAttempt);
    await failCompanions(run, waves, ends.incomplete);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    run.meter.end();
  }
  return resultOf(run, others, ends);
}

async function selectMore(input: RunTransferInput, known: readonly DeliveryRecord[]): Promise<void> {
  await giveBackLeftovers(input);
  await input.journal.select(await selectFiles(selectionOf(input, known)));
}

/** Some servers let no file be written on. */
function refuseAppend({ definition: { conflict }, target }: RunTransferInput): void {
  if (conflict !== 'append' || target.properties.continues) return;
  const message = `${target.label} lets no file be extended: choose another conflict rule than "${conflict}"`;
  throw new StorageError('misconfigured', message);
}

function selectionOf(input: RunTransferInput, known: readonly DeliveryRecord[]): SelectionInput {
  const { definition, source, signal, run, sourceClockOffsetMs, ledger } = input;
  const targetPartNaming = input.target.properties.partNaming;
  const { now = () => new Date(), onWarning: warn = () => {} } = input;
  const context = { definition, source, targetPartNaming, signal, now, warn };
  return { ...context, known, run, sourceClockOffsetMs, ledger };
}

/** @param onlyWaits the run looks for answers alone: what has failed before is not tried again each time */
function isToDo(record: DeliveryRecord, definition: TransferDefinition, onlyWaits: boolean): boolean {
  if (record.state === 'delivered')
    return !record.disposed && !record.failure && !endsWithDelivery(definition);
  if (record.state === 'failed' && onlyWaits) return false;
  // An attempt that died right after skipping has left its part file.
  if (record.state === 'skipped') return record.partPath !== undefined;
  return record.targetPath !== '';
}

async function openRun(
  input: RunTransferInput,
  records: readonly DeliveryRecord[],
  { files, companions }: Waves,
  isUnfinished: (record: DeliveryRecord) => boolean,
  signal: AbortSignal,
): Promise<RunContext> {
  const { definition, source, target, journal, ledger } = input;
  const companionIds = new Set(companions.map(({ record }) => record.id));
  const isCompanion: RunContext['isCompanion'] = ({ id }) => companionIds.has(id);
  const recallAll = (those: readonly DeliveryRecord[]) =>
    recall(
      ledger,
      definition,
      those.map(({ sourcePath }) => sourcePath as RemotePath),
    );
  const run = {
    definition,
    proof: input.proof ?? definition.verification ?? 'size',
    source,
    target,
    journal,
    seen: await recallAll(files.filter(isUnfinished)),
    recall: recallAll,
    ownParts: new OwnParts(journal, records),
    signal,
    transformsOf: transformsOf(input, isCompanion, signal),
    isCompanion,
    checksums: checksumsWanted(definition),
    meter: new ProgressMeter(records, input.onProgress ?? (() => {})),
    checkpointEveryBytes: input.checkpointEveryBytes ?? CHECKPOINT_EVERY_BYTES,
    now: input.now ?? (() => new Date()),
    warn: input.onWarning ?? (() => {}),
  };
  return { ...run, preserver: new Preserver(run) };
}

/** All before any byte is moved: where the archive can't be made, nothing is delivered that would be again tomorrow. */
async function makeDirectories(run: RunContext, unfinished: readonly DeliveryRecord[]): Promise<void> {
  const { definition, source, target, signal } = run;
  const targets = unfinished.flatMap((record) => {
    const { targetPath, partPath } = fileOf(run, record);
    return [parentOf(targetPath), parentOf(partPath)];
  });
  for (const directory of new Set(targets)) await target.makeDirectory(directory, { signal });
  const archives = unfinished.map(({ sourcePath }) =>
    archiveDirectoryOf(definition, sourcePath as RemotePath),
  );
  for (const directory of new Set(archives))
    if (directory !== undefined) await source.makeDirectory(directory, { signal });
  const { claim } = definition.source;
  if (claim && 'directory' in claim) await source.makeDirectory(claim.directory, { signal });
}

function lanesOf({ definition, source, target }: RunContext): number {
  return source.properties.concurrent && target.properties.concurrent
    ? Math.max(1, definition.concurrency)
    : 1;
}
