import { type AuditEvent, receiptSha256, redactText } from '@waybill/audit';
import {
  appendAuditEvent,
  endAttempt,
  endAttemptOfRun,
  type Fence,
  findRun,
  findUnknownOutcome,
  insertRunChanged,
  lockPlaces,
  lockRun,
  type Run,
  type RunEnd,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type Actor, type AttemptOutcome, type AttemptState, type Failure, isFinal } from '@waybill/domain';
import { composeReceipt } from './compose-receipt.js';
import type { Context } from './context.js';
import { noteUnreached } from './endpoint-breaker.js';
import { releaseHeldRuns, whyTrustedByNow } from './release-held-runs.js';
import { tellAcknowledged } from './tell-acknowledged.js';
import { callNext } from './wait-in-line.js';

/**
 * Ends an attempt with its outcome: the run moves on, its deliveries are summed up, the queue's next job (a new epoch)
 * is due for dispatch, and so are runs that waited for its places. A cancellation asked for meanwhile wins over going back
 * to the queue. A run that is held for a host key which a person has trusted meanwhile goes on at once.
 * False if the run was given to another attempt: then nothing is written.
 */
export async function finishAttempt(
  { database, actor }: Context,
  fence: Fence,
  outcome: AttemptOutcome,
): Promise<boolean> {
  return await transaction(database, async (tx) => {
    const places = await lockPlaces(tx, fence.runId);
    const before = await lockRun(tx, fence.runId);
    if (!before) return false;
    const unknown = await findUnknownOutcome(tx, fence.runId);
    const settled = redacted(settle(outcome, before.cancelRequestedAt !== undefined, unknown));
    const end = endOf(settled, new Date());
    if (!(await endAttemptOfRun(tx, fence, end))) return false;
    await endAttempt(tx, fence, attemptStateOf(settled), end.failure);
    await insertRunChanged(tx, { runId: fence.runId, state: end.state });
    const run = await findRun(tx, fence.runId);
    if (!run) throw new Error(`run ${fence.runId} vanished while it was locked`);
    const trusted = before.cancelRequestedAt ? undefined : await whyHeldForNothing(tx, settled);
    const recordSuspended = await whatBecomesOfPlace(tx, actor, fence, redacted(outcome));
    await callNext(tx, run, places);
    if (isFinal(run.state)) await tellAcknowledged(tx, actor, run);
    await appendAuditEvent(tx, actor, await eventOf(tx, run, fence, settled));
    await recordSuspended();
    if (trusted) await releaseHeldRuns(tx, actor, [run.id], trusted);
    return true;
  });
}

/**
 * Who asked for a cancellation does not want another attempt. And while it can't be told whether a file arrived, no
 * attempt may follow by itself: it would take that for a person's decision to go on.
 */
function settle(
  outcome: AttemptOutcome,
  cancelRequested: boolean,
  unknown: Failure | undefined,
): AttemptOutcome {
  const goesOn = outcome.kind === 'retry-at' || outcome.kind === 'postpone-until';
  if (!goesOn) return outcome;
  if (cancelRequested) return { kind: 'cancelled', reason: 'on request' };
  return unknown ? { kind: 'hold', failure: unknown } : outcome;
}

async function whyHeldForNothing(tx: Transaction, outcome: AttemptOutcome): Promise<string | undefined> {
  if (outcome.kind !== 'hold' || outcome.failure.refusedHostKey === undefined) return undefined;
  return await whyTrustedByNow(tx, outcome.failure.refusedHostKey);
}

/** An endpoint that could not be opened may have to be left alone for a while. */
async function whatBecomesOfPlace(tx: Transaction, actor: Actor, fence: Fence, outcome: AttemptOutcome) {
  const failure = 'failure' in outcome ? outcome.failure : undefined;
  if (!failure?.unopenedEndpointId) return async () => {};
  return await noteUnreached(tx, actor, fence, { endpointId: failure.unopenedEndpointId, failure });
}

/** Messages quote servers: what looks like a secret goes no further than here. */
function redacted(outcome: AttemptOutcome): AttemptOutcome {
  if (!('failure' in outcome) || !outcome.failure) return outcome;
  const { failure } = outcome;
  return { ...outcome, failure: { ...failure, message: redactText(failure.message) } };
}

function endOf(outcome: AttemptOutcome, now: Date): RunEnd {
  const plain = { failure: undefined, countsAttempt: false, notBefore: undefined };
  switch (outcome.kind) {
    case 'done':
      return { ...plain, state: outcome.state, failure: outcome.failure };
    case 'retry-at':
      return { state: 'queued', failure: outcome.failure, countsAttempt: true, notBefore: outcome.at };
    case 'postpone-until':
      return { ...plain, state: 'queued', notBefore: outcome.until > now ? outcome.until : undefined };
    case 'hold':
      return { ...plain, state: 'held', failure: outcome.failure };
    case 'give-up':
      return { ...plain, state: 'failed', failure: outcome.failure, countsAttempt: true };
    case 'cancelled':
      return { ...plain, state: 'cancelled' };
  }
}

const attemptStates = {
  done: 'succeeded',
  'retry-at': 'failed',
  'postpone-until': 'handed-back',
  hold: 'failed',
  'give-up': 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<AttemptOutcome['kind'], AttemptState>;

function attemptStateOf(outcome: AttemptOutcome): (typeof attemptStates)[AttemptOutcome['kind']] {
  return attemptStates[outcome.kind];
}

async function eventOf(
  tx: Transaction,
  run: Run,
  { epoch }: Fence,
  outcome: AttemptOutcome,
): Promise<AuditEvent> {
  const subject = { kind: 'run', id: run.id } as const;
  const data = { transfer: run.transferName, version: run.version, epoch };
  switch (outcome.kind) {
    case 'done': {
      const receipt = await composeReceipt(tx, run.id);
      return {
        type: outcome.state === 'succeeded' ? 'run.succeeded' : 'run.partial',
        subject,
        data: {
          ...data,
          ...countsOf(run),
          source: receipt.source.endpoint,
          target: receipt.target.endpoint,
          receiptSha256: receiptSha256(receipt),
        },
      };
    }
    case 'retry-at':
      return {
        type: 'run.requeued',
        subject,
        data: {
          ...data,
          cause: 'retry',
          reason: `${outcome.failure.code}: ${outcome.failure.message}`,
          notBefore: outcome.at.toISOString(),
        },
      };
    case 'postpone-until':
      return {
        type: 'run.requeued',
        subject,
        data: {
          ...data,
          cause: 'handed-back',
          reason: outcome.reason,
          ...(run.notBefore && { notBefore: run.notBefore.toISOString() }),
        },
      };
    case 'hold':
      return { type: 'run.held', subject, data: { ...data, ...failureData(outcome.failure) } };
    case 'give-up':
      return {
        type: 'run.failed',
        subject,
        data: { ...data, ...failureData(outcome.failure), ...countsOf(run) },
      };
    case 'cancelled':
      return {
        type: 'run.cancelled',
        subject,
        data: { transfer: run.transferName, version: run.version, reason: outcome.reason },
      };
  }
}

function failureData({ code, message }: Failure) {
  return { failureCode: code, failureMessage: message };
}

function countsOf({ filesDelivered, filesFailed, filesSkipped, bytesMoved }: Run) {
  return { delivered: filesDelivered, failed: filesFailed, skipped: filesSkipped, bytes: bytesMoved };
}
