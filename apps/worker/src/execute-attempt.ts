import {
  claimsOfEndedRuns,
  deliveriesOfRun,
  type Endpoint,
  isUnavailable,
  type Run,
  saveProgress,
  toHolidayCalendar,
} from '@waybill/db';
import {
  type Actor,
  type AttemptOutcome,
  afterFailure,
  type Failure,
  failureKind,
  type Id,
  requiredProof,
  type Verification,
  whyProofRefused,
} from '@waybill/domain';
import {
  type Claim,
  claimRun,
  finishAttempt,
  noteReached,
  proposeHostKeys,
  recordLegacyAlgorithms,
  renewLease,
} from '@waybill/operations';
import { type JobOutcome, type RunJob, ShuttingDown } from '@waybill/queue';
import { type StorageEndpoint, StorageError, throttled } from '@waybill/storage';
import { looksAgainAt, type Progress, type RunFacts, runTransfer, Superseded } from '@waybill/transfer';
import { databaseJournal } from './database-journal.js';
import { databaseLedger } from './database-ledger.js';
import { EndpointShares, whyInMaintenance } from './endpoint-shares.js';
import { failureOf } from './failure-of.js';
import { CancelRequested, MaintenanceBegan, type Renewal, startHeartbeat } from './heartbeat.js';
import { reportLive } from './live-progress.js';
import { type EndpointObserver, openEndpoint } from './open-endpoint.js';
import { keysOnRecord, transformsOpener } from './open-transforms.js';
import { type PendingRecords, pendingRecords } from './pending-records.js';
import { sweepLeftovers } from './sweep-leftovers.js';
import type { WorkerParts } from './worker.js';

type Claimed = Extract<Claim, { kind: 'claimed' }>;

export interface AttemptParts extends WorkerParts {
  readonly workerId: Id;
  readonly actor: Actor;
  readonly leaseMs: number;
  /** How long a part file of a run that is over has to be seen before it is removed; 0: for ever. */
  readonly sweepAfterMs: number;
}

/**
 * Takes a run from the queue to the end of one attempt: claim, open both endpoints, run the engine, write down the
 * outcome. The job is a mere wake-up: whatever it says, only the claim decides whether there is anything to do.
 */
export async function executeAttempt(
  parts: AttemptParts,
  job: RunJob,
  shutdown: AbortSignal,
): Promise<JobOutcome> {
  const { database, actor, workerId, leaseMs } = parts;
  const claim = await claimRun({ database, actor }, { ...job, workerId, leaseMs });
  switch (claim.kind) {
    case 'gone':
    case 'cancelled':
      return { kind: 'done' };
    case 'leased':
    case 'in-line':
      return { kind: 'postpone-until', until: claim.until };
    case 'claimed':
      await attempt(parts, claim, shutdown);
      return { kind: 'done' };
  }
}

async function attempt(parts: AttemptParts, claim: Claimed, shutdown: AbortSignal): Promise<void> {
  const { database, actor } = parts;
  const { run, fence } = claim;
  const log = parts.log.child({ run: run.id, transfer: run.transferName, epoch: run.epoch });
  const outcome = await whileLeased({ ...parts, log }, claim, shutdown);
  if (outcome === 'superseded') {
    log.warn('this attempt was given up for lost; another one has the run');
    return;
  }
  const failure = 'failure' in outcome ? outcome.failure : undefined;
  log.info({ outcome: outcome.kind, failure }, 'attempt ended');
  const kept = await finishAttempt({ database, actor }, fence, outcome);
  if (!kept) log.warn('the outcome came too late: another attempt has the run');
}

/** Moves the files under a heartbeat, which hears at once of changes to the run where signals arrive. */
async function whileLeased(
  parts: AttemptParts,
  claim: Claimed,
  shutdown: AbortSignal,
): Promise<AttemptOutcome | 'superseded'> {
  const { leaseMs, signals, log } = parts;
  const { run } = claim;
  const shares = new EndpointShares(claim.shares, new Date());
  await using heartbeat = startHeartbeat({
    leaseMs,
    renew: () => renew(parts, claim, shares),
    onError: (error) => log.warn({ err: error }, 'the lease could not be renewed; trying again'),
  });
  const unsubscribe = await signals
    .subscribe(`runs.${run.id}.changed`, () => heartbeat.poke())
    .catch((error: unknown) => {
      log.warn({ err: error }, 'no signals: a cancellation is heard of at the next beat');
      return async () => {};
    });
  try {
    return await transferFiles(parts, claim, shares, AbortSignal.any([heartbeat.signal, shutdown]));
  } finally {
    await unsubscribe();
  }
}

async function renew(
  { database, leaseMs }: AttemptParts,
  { fence }: Claimed,
  shares: EndpointShares,
): Promise<Renewal> {
  const lease = await renewLease(database, fence, leaseMs);
  const now = new Date();
  shares.divide(lease.shares, now);
  const why = whyInMaintenance(lease.shares, now);
  return { ...lease, maintenance: why === undefined ? undefined : new MaintenanceBegan(why) };
}

async function transferFiles(
  parts: AttemptParts,
  claim: Claimed,
  shares: EndpointShares,
  signal: AbortSignal,
): Promise<AttemptOutcome | 'superseded'> {
  const { database, vault, log, signals } = parts;
  const { run, version, fence } = claim;
  const { retry } = version.definition;
  let refusedHostKey: Failure['refusedHostKey'];
  let unopenedEndpointId: Id | undefined;
  const outcomeOf = (thrown: unknown): AttemptOutcome | 'superseded' => {
    const error = signal.aborted ? signal.reason : thrown;
    if (error instanceof Superseded) return 'superseded';
    if (error instanceof ShuttingDown)
      return { kind: 'postpone-until', until: new Date(), reason: 'the worker was stopped' };
    if (error instanceof MaintenanceBegan)
      return { kind: 'postpone-until', until: new Date(), reason: error.message };
    if (error instanceof CancelRequested) return { kind: 'cancelled', reason: error.message };
    // Without the database nothing can be written down: the lease runs out, and the run is rescued.
    if (!(error instanceof StorageError) && isUnavailable(error)) throw error;
    const failure = {
      ...failureOf(error, refusedHostKey),
      ...(unopenedEndpointId && { unopenedEndpointId }),
    };
    return afterFailure(failure, retry, run.attemptsUsed + 1, new Date());
  };
  try {
    await using progress = reportLive({
      runId: run.id,
      signals,
      save: (newest) => saveProgress(database, fence, forTheRecord(newest)).then(() => {}),
      onError: (error) => log.debug({ err: error }, 'progress was not told'),
    });
    await using records = pendingRecords();
    const observer = putOnRecord({ ...parts, log }, run, records, {
      refusedHostKey: (endpoint, { fingerprint }) => {
        refusedHostKey = { endpointId: endpoint.id, fingerprint };
      },
      // A jump host's credential is none of those behind it.
      refusedSecret: (endpoint) => {
        unopenedEndpointId = endpoint.id;
      },
    });
    const proof = proofOf(claim);
    const { definition } = version;
    const open = async (endpoint: Endpoint): Promise<StorageEndpoint> => {
      unopenedEndpointId = endpoint.id;
      const opened = await reach({ ...parts, log }, endpoint, { signal, observer, records });
      unopenedEndpointId = undefined;
      return throttled(opened, shares.throttleOf(endpoint.id));
    };
    await using source = await open(claim.source);
    // One connection serves both ends; closing it twice is as good as once.
    await using target = claim.target.id === claim.source.id ? source : await open(claim.target);
    const result = await runTransfer({
      definition,
      proof,
      source,
      target,
      openTransforms: transformsOpener(
        definition.transforms,
        source.properties.owner,
        keysOnRecord(database, vault),
      ),
      run: factsOf(claim),
      journal: databaseJournal(database, fence),
      ledger: databaseLedger(database, {
        ...{ transferId: run.transferId, sourceEndpointId: claim.source.id, runId: run.id },
      }),
      sourceClockOffsetMs: claim.source.profile?.clockOffsetMs ?? undefined,
      signal,
      lastAttempt: run.attemptsUsed + 1 >= retry.maxAttempts,
      endsRun: (error) => isEnd(outcomeOf(error)),
      claimsOfEndedRuns: (tags) => claimsOfEndedRuns(database, run.transferId, tags),
      onProgress: (newest) => progress.report(newest),
      onWarning: (message, cause) => log.warn({ err: cause }, message),
    });
    if (result.state === 'waiting')
      return { kind: 'postpone-until', until: result.until, reason: result.reason };
    const failure = result.state === 'partial' ? result.failure : undefined;
    if (failure) log.warn({ failure }, 'not all that was to be done could be');
    await sweepLeftovers({
      ...{ database, log, runId: run.id, target: claim.target, endpoint: target, signal },
      sweepAfterMs: parts.sweepAfterMs,
    });
    return { kind: 'done', state: result.state, failure };
  } catch (thrown) {
    const outcome = outcomeOf(thrown);
    return (await laterLook({ ...parts, log }, claim, outcome)) ?? outcome;
  }
}

/**
 * While nothing but the partner's acknowledgement is waited for, a look that fails for now is none: the next one follows,
 * until the time is over, and no attempt is used up. `undefined` for any other outcome.
 */
async function laterLook(
  { database, log }: AttemptParts,
  { fence, version }: Claimed,
  outcome: AttemptOutcome | 'superseded',
): Promise<AttemptOutcome | undefined> {
  const failure = outcome !== 'superseded' && 'failure' in outcome ? outcome.failure : undefined;
  if (!failure || !failureKind(failure.code).retryable) return undefined;
  const records = await deliveriesOfRun(database, fence.runId);
  const until = looksAgainAt(version.definition, records, new Date());
  if (!until) return undefined;
  log.warn({ failure, until }, 'the acknowledgement could not be looked for');
  const reason = `the acknowledgement could not be looked for: ${failure.code}`;
  return { kind: 'postpone-until', until, reason };
}

/** A run that stands for a due time is named by it, however late it is executed. */
function factsOf({ run, calendar }: Claimed): RunFacts {
  const madeAt = run.dueAt ?? run.createdAt;
  return { id: run.id, madeAt, ...(calendar && { calendar: toHolidayCalendar(calendar) }) };
}

/** Opens an endpoint; beside the work, runs that wait for one to get there are told. */
async function reach(
  { database, vault, actor, log }: AttemptParts,
  endpoint: Endpoint,
  { signal, observer, records }: { signal: AbortSignal; observer: EndpointObserver; records: PendingRecords },
): Promise<StorageEndpoint> {
  const opened = await openEndpoint(database, vault, endpoint, signal, observer);
  records.add(noteReached({ database, actor }, endpoint.id), (err) =>
    log.warn({ err, endpoint: endpoint.name }, 'that the endpoint works could not be put on record'),
  );
  return opened;
}

/** Does no attempt follow by itself, nor once a person has decided? */
function isEnd(outcome: AttemptOutcome | 'superseded'): boolean {
  return outcome !== 'superseded' && (outcome.kind === 'give-up' || outcome.kind === 'cancelled');
}

/** @throws StorageError `misconfigured` if the endpoint has come to require more than the transfer asks for */
function proofOf({ version: { definition }, target }: Claimed): Verification {
  const why = whyProofRefused(target.settings, definition.verification);
  if (why) throw new StorageError('misconfigured', `endpoint ${target.name}: ${why}`);
  return requiredProof(target.settings, definition.verification);
}

/** Writes down, beside the work, what is learned of the servers. */
function putOnRecord(
  { database, actor, log }: AttemptParts,
  run: Run,
  records: PendingRecords,
  refusals: Pick<EndpointObserver, 'refusedHostKey' | 'refusedSecret'>,
): EndpointObserver {
  const context = { database, actor };
  return {
    ...refusals,
    log: (message) => log.info(message),
    announcedHostKeys: (endpoint, keys) =>
      records.add(proposeHostKeys(context, endpoint, keys), (err) =>
        log.warn({ err, endpoint: endpoint.name }, 'announced host keys could not be put on record'),
      ),
    legacyAlgorithms: ({ name: endpoint }, algorithms) => {
      log.warn({ endpoint, algorithms }, 'agreed on weak algorithms, which the endpoint allows');
      records.add(recordLegacyAlgorithms(context, run, endpoint, algorithms), (err) =>
        log.warn({ err, endpoint }, 'the use of weak algorithms could not be put on record'),
      );
    },
  };
}

function forTheRecord({ files, bytesSelected, bytesMoved }: Progress) {
  return {
    filesSelected: files.selected,
    filesDelivered: files.delivered,
    filesFailed: files.failed,
    filesSkipped: files.skipped,
    bytesSelected,
    bytesMoved,
  };
}
