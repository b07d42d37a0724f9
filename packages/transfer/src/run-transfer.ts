import {
  type Failure,
  type Id,
  parentOf,
  type RemotePath,
  type TransferDefinition,
  type Verification,
} from '@waybill/domain';
import { type StorageEndpoint, StorageError } from '@waybill/storage';
import { giveBackIfClaimed } from './claim-source.js';
import { type ClaimsOfEndedRuns, giveBackAll, giveBackLeftovers } from './claims.js';
import { companionsDue, failCompanions, inWaves, type Waves } from './companions.js';
import { archiveDirectoryOf, dispose, endsWithDelivery } from './dispose.js';
import { concernsOneFile, reachOf } from './failure-reach.js';
import { checksumsWanted } from './file-hash.js';
import { inParallel } from './in-parallel.js';
import { type Ledger, recall } from './ledger.js';
import { type Delivered, deliveredBefore, moveFile } from './move-file.js';
import { type Progress, ProgressMeter } from './progress.js';
import { type FileToMove, fileOf, type RunContext, removePart } from './run-context.js';
import { type DeliveryRecord, type RunJournal, Superseded } from './run-journal.js';
import { type RunFacts, type SelectionInput, selectFiles } from './select-files.js';
import { skipSeenCompanions } from './skip-seen.js';
import { type OpenTransforms, transformsOf } from './transform-file.js';
import { writeChecksum } from './written-checksum.js';

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

/** Counts are over the whole run, earlier attempts included. */
export interface RunResult {
  /** `partial`: some deliveries failed for good, or what follows a delivery could not be done: checksum file, disposition. */
  readonly state: 'succeeded' | 'partial';
  readonly selected: number;
  readonly delivered: number;
  readonly skipped: number;
  readonly failed: number;
  /** Delivered, as they were at the source. */
  readonly bytes: number;
  /** The first one, where `partial`. */
  readonly failure?: Failure;
}

/** What could not be brought to an end. */
interface LooseEnds {
  /** Failed for good, or delivered without all that follows. */
  readonly failures: StorageError[];
  /** Delivered, but without the checksum file that belongs beside them. */
  readonly incomplete: Map<Id, StorageError>;
  readonly forNow: { readonly record: DeliveryRecord; readonly error: StorageError }[];
  readonly held: { readonly record: DeliveryRecord; readonly error: StorageError }[];
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
  const { definition, journal, signal } = input;
  refuseCircles(definition);
  await giveBackLeftovers(input);
  await journal.select(await selectFiles(selectionOf(input, await journal.deliveries())));
  const records = await journal.deliveries();
  const unfinished = records.filter((record) => isUnfinished(record, definition));
  const waves = inWaves(records, definition);

  const stop = new AbortController();
  const run = await openRun(input, records, waves, AbortSignal.any([signal, stop.signal]));
  const ends: LooseEnds = { failures: [], incomplete: new Map(), forNow: [], held: [] };
  try {
    if (unfinished.length > 0) await makeDirectories(run, unfinished);
    const finishAll = (those: readonly DeliveryRecord[]) =>
      inParallel(
        those.filter((record) => isUnfinished(record, definition)),
        lanesOf(run),
        stop,
        (record) => finish(run, record, ends),
      );
    await finishAll(waves.files);
    await skipSeenCompanions(run, waves);
    await finishAll(await companionsDue(run, waves, ends.incomplete));
    await holdUnknown(run, ends);
    await settleFailures(run, ends, input.lastAttempt);
    await failCompanions(run, waves, ends.incomplete);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    run.meter.end();
  }
  return sumUp(run, records, ends);
}

/** A transfer onto its own source, or into an archive that is selected again, would eat its own files. */
function refuseCircles({ source, target, disposition }: TransferDefinition): void {
  if (source.endpointId === target.endpointId && source.directory === target.directory)
    throw new StorageError(
      'misconfigured',
      `source and target are the same directory, "${source.directory}"`,
    );
  if (disposition.kind === 'archive' && disposition.directory === source.directory)
    throw new StorageError(
      'misconfigured',
      `the archive is the source directory itself, "${source.directory}"; choose another one`,
    );
}

function selectionOf(input: RunTransferInput, known: readonly DeliveryRecord[]): SelectionInput {
  const { definition, source, signal, run, sourceClockOffsetMs, ledger } = input;
  const { now = () => new Date(), onWarning: warn = () => {} } = input;
  return { definition, source, signal, now, warn, known, run, sourceClockOffsetMs, ledger };
}

function isUnfinished(record: DeliveryRecord, definition: TransferDefinition): boolean {
  if (record.state === 'delivered') return !record.disposed && !endsWithDelivery(definition);
  // An attempt that died right after skipping has left its part file.
  if (record.state === 'skipped') return record.partPath !== undefined;
  return record.targetPath !== '';
}

async function openRun(
  input: RunTransferInput,
  records: readonly DeliveryRecord[],
  { files, companions }: Waves,
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
  return {
    definition,
    proof: input.proof ?? definition.verification ?? 'size',
    source,
    target,
    journal,
    seen: await recallAll(files.filter((record) => isUnfinished(record, definition))),
    recall: recallAll,
    signal,
    transformsOf: transformsOf(input, isCompanion, signal),
    isCompanion,
    checksums: checksumsWanted(definition),
    meter: new ProgressMeter(records, input.onProgress ?? (() => {})),
    checkpointEveryBytes: input.checkpointEveryBytes ?? CHECKPOINT_EVERY_BYTES,
    now: input.now ?? (() => new Date()),
    warn: input.onWarning ?? (() => {}),
  };
}

/** All before any byte is moved: where the archive can't be made, nothing is delivered that would be again tomorrow. */
async function makeDirectories(run: RunContext, unfinished: readonly DeliveryRecord[]): Promise<void> {
  const { definition, source, target, signal } = run;
  const targets = unfinished.map(({ targetPath }) => parentOf(targetPath as RemotePath));
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

/** @throws what concerns the whole run; what concerns this file alone goes to `ends` */
async function finish(run: RunContext, record: DeliveryRecord, ends: LooseEnds): Promise<void> {
  run.signal.throwIfAborted();
  if (record.state === 'skipped') return removePart(run, fileOf(run.definition, record));
  const delivered =
    record.state === 'delivered' ? deliveredBefore(run, record) : await deliver(run, record, ends);
  if (delivered && (await attachChecksum(run, delivered, ends))) await disposeOf(run, delivered.file, ends);
}

/** @returns what was delivered; `undefined` if nothing was */
async function deliver(
  run: RunContext,
  record: DeliveryRecord,
  ends: LooseEnds,
): Promise<Delivered | undefined> {
  try {
    const delivered = await moveFile(run, record);
    run.meter.settled(record.id, delivered ? 'delivered' : 'skipped');
    return delivered;
  } catch (error) {
    run.meter.settled(record.id);
    if (run.signal.aborted || !(error instanceof StorageError)) throw error;
    const reach = reachOf(error.code);
    if (reach === 'run') throw error;
    if (reach === 'held') ends.held.push({ record, error });
    else if (reach === 'file-for-now') ends.forNow.push({ record, error });
    else await fail(run, record, error, ends);
    return undefined;
  }
}

/** @returns whether the file has all that belongs beside it */
async function attachChecksum(
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

async function disposeOf(run: RunContext, file: FileToMove, ends: LooseEnds): Promise<void> {
  try {
    await dispose(run, file);
  } catch (error) {
    if (!concernsOneFile(run, error)) throw error;
    const message = `${file.sourcePath} was delivered, but its source could not be disposed of: ${error.message}`;
    ends.failures.push(new StorageError(error.code, message, { cause: error, owner: error.owner }));
  }
}

/** The journal first: it tells whether the part file is still ours to remove. */
async function fail(
  run: RunContext,
  record: DeliveryRecord,
  error: StorageError,
  ends: LooseEnds,
): Promise<void> {
  const file = fileOf(run.definition, record);
  await giveBackIfClaimed(run, file);
  await run.journal.failed(record.id, error.failure, 'failed');
  run.meter.settled(record.id, 'failed');
  ends.failures.push(error);
  await removePart(run, file);
}

/**
 * Only at the attempt's end, and then first of all: an attempt that ends otherwise is followed by another one of its
 * own accord, which must not take `unknown` for a person's decision.
 */
async function holdUnknown(run: RunContext, { held }: LooseEnds): Promise<void> {
  for (const { record, error } of held) {
    await run.journal.failed(record.id, error.failure, 'unknown');
    run.meter.settled(record.id, 'unknown');
  }
  if (held[0]) throw held[0].error;
}

async function settleFailures(run: RunContext, ends: LooseEnds, lastAttempt: boolean): Promise<void> {
  if (ends.forNow[0] && !lastAttempt) throw ends.forNow[0].error;
  for (const { record, error } of ends.forNow) await fail(run, record, error, ends);
}

/** @throws the first failure if there was nothing but failures */
function sumUp(run: RunContext, records: readonly DeliveryRecord[], ends: LooseEnds): RunResult {
  const { files } = run.meter.current();
  const counts = { ...files, bytes: run.meter.bytesDelivered() };
  const failure = ends.failures[0]?.failure ?? neverMovable(records);
  if (!failure) return { state: 'succeeded', ...counts };
  if (files.delivered + files.skipped === 0)
    throw new StorageError(
      failure.code,
      `none of ${files.selected} selected files was delivered; the first failure: ${failure.message}`,
      { cause: ends.failures[0], owner: failure.owner },
    );
  return { state: 'partial', ...counts, failure };
}

/** The first file that selection itself found to be a failure. */
function neverMovable(records: readonly DeliveryRecord[]): Failure | undefined {
  const refused = records.find((record) => record.targetPath === '');
  return (
    refused && {
      code: refused.failure?.code ?? 'path-refused',
      owner: refused.failure?.owner,
      message: `${refused.sourcePath} can't be moved; its delivery says why`,
    }
  );
}
