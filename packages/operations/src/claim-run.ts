import {
  appendAuditEvent,
  type Calendar,
  type Database,
  type Endpoint,
  extendLease,
  type Fence,
  findCalendarOfOccurrence,
  findEndpoint,
  findRun,
  findRunInTheWay,
  findTransferVersion,
  insertAttempt,
  insertRunChanged,
  leaseLeftMs,
  listPlaces,
  listShares,
  lockPlaces,
  lockRun,
  type Run,
  type Share,
  startRun,
  type Transaction,
  type TransferVersion,
  transaction,
} from '@waybill/db';
import type { Id } from '@waybill/domain';
import type { Context } from './context.js';
import { endLostAttempt } from './rescue-attempts.js';
import { callIntoRoomLeft, firstWait, type InLine, waitInLine } from './wait-in-line.js';

export type Claim =
  /** The run is this worker's until the lease runs out; `fence` is what its writes are checked by. */
  | {
      readonly kind: 'claimed';
      readonly fence: Fence;
      readonly run: Run;
      readonly version: TransferVersion;
      readonly source: Endpoint;
      readonly target: Endpoint;
      /** Of the schedule that the run stands for. */
      readonly calendar: Calendar | undefined;
      /** What it has to share with other runs at first; renewing the lease tells what has changed. */
      readonly shares: readonly Share[];
    }
  /** Another attempt of the same epoch holds it: look again then. */
  | { readonly kind: 'leased'; readonly until: Date }
  /** Its transfer, or an endpoint that it needs, takes no further run: its record says why. Look again then. */
  | { readonly kind: 'in-line'; readonly until: Date }
  /** It had been lost and was to be cancelled; now it is. */
  | { readonly kind: 'cancelled' }
  /** Done, taken up under another epoch, or waiting for one: nothing to do. */
  | { readonly kind: 'gone' };

/**
 * Takes a queued run of that epoch for a worker, and begins an attempt. Of any number of claims one succeeds. Runs of
 * one transfer are executed one at a time: two that list the same files would move them twice. One that waits for
 * acknowledgements stays first in line, because what it delivered is still at the source. What its endpoints allow is
 * looked at under their locks, so that of runs that are claimed at the same time none goes beyond it.
 */
export async function claimRun(
  context: Context,
  options: { readonly runId: Id; readonly epoch: number; readonly workerId: Id; readonly leaseMs: number },
): Promise<Claim> {
  const { runId, epoch, workerId, leaseMs } = options;
  return await transaction(context.database, async (tx) => {
    if ((await findRun(tx, runId))?.epoch !== epoch) return { kind: 'gone' };
    await lockPlaces(tx, runId);
    const run = await lockRun(tx, runId);
    if (!run || run.epoch !== epoch) return { kind: 'gone' };
    if (run.state === 'running') return await lookAtLease(tx, context, run);
    if (run.state !== 'queued') return { kind: 'gone' };
    const now = new Date();
    const places = await listPlaces(tx, run);
    const wait = (await behindItsTransfer(tx, run)) ?? firstWait(places, now);
    if (wait) return { kind: 'in-line', until: await waitInLine(tx, run, wait, now) };
    const fence = { runId, epoch, workerId };
    if (!(await startRun(tx, fence, leaseMs))) return { kind: 'gone' };
    await insertAttempt(tx, fence);
    await callIntoRoomLeft(tx, places, now);
    await insertRunChanged(tx, { runId, state: 'running' });
    const claim = await loadClaim(tx, fence);
    await appendAuditEvent(tx, context.actor, {
      type: 'run.started',
      subject: { kind: 'run', id: runId },
      data: { transfer: run.transferName, version: run.version, epoch },
    });
    return claim;
  });
}

async function behindItsTransfer(tx: Transaction, run: Run): Promise<InLine | undefined> {
  const other = await findRunInTheWay(tx, run);
  if (!other) return undefined;
  const why =
    other.state === 'running'
      ? `another run of transfer ${run.transferName} is executed`
      : `run ${other.id} of transfer ${run.transferName} waits for its acknowledgements`;
  return { reason: 'transfer-busy', message: `${why}: they go one after the other`, place: undefined };
}

/** A running run is left alone while its lease lasts; one whose lease has run out goes back to the queue. */
async function lookAtLease(tx: Transaction, context: Context, run: Run): Promise<Claim> {
  const left = (await leaseLeftMs(tx, run.id)) ?? 0;
  if (left > 0) return { kind: 'leased', until: new Date(Date.now() + left) };
  if (run.leaseOwner === undefined) return { kind: 'gone' };
  const state = await endLostAttempt(tx, context, run, {
    runId: run.id,
    epoch: run.epoch,
    workerId: run.leaseOwner,
  });
  return { kind: state === 'cancelled' ? 'cancelled' : 'gone' };
}

async function loadClaim(tx: Transaction, fence: Fence): Promise<Claim> {
  const run = await findRun(tx, fence.runId);
  const version = run && (await findTransferVersion(tx, run.transferVersionId));
  const source = version && (await findEndpoint(tx, version.definition.source.endpointId));
  const target = version && (await findEndpoint(tx, version.definition.target.endpointId));
  if (!run || !version || !source || !target)
    throw new Error(`run ${fence.runId} points at a version or an endpoint that is not there`);
  const calendar = run.occurrenceId ? await findCalendarOfOccurrence(tx, run.occurrenceId) : undefined;
  const shares = await listShares(tx, fence);
  return { kind: 'claimed', fence, run, version, source, target, calendar, shares };
}

/**
 * Says that the attempt is alive, and tells what its endpoints allow now. Not `kept`: the run was given to another one;
 * stop at once and touch nothing.
 */
export async function renewLease(
  database: Database,
  fence: Fence,
  leaseMs: number,
): Promise<{ kept: boolean; cancelRequested: boolean; shares: readonly Share[] }> {
  const lease = await extendLease(database, fence, leaseMs);
  if (!lease) return { kept: false, cancelRequested: false, shares: [] };
  return { kept: true, ...lease, shares: await listShares(database, fence) };
}
