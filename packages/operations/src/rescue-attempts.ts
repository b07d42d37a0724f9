import type { AuditEvent } from '@waybill/audit';
import {
  appendAuditEvent,
  claimLostAttempts,
  countLostInARow,
  endAttempt,
  endAttemptOfRun,
  expireLeases,
  type Fence,
  findRun,
  findUnknownOutcome,
  insertRunChanged,
  listPlaceIds,
  type Run,
  type RunEnd,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type Failure, failureKind, type Id, type RunState } from '@waybill/domain';
import type { Context } from './context.js';
import { callNext } from './wait-in-line.js';

export interface RescuedRun {
  readonly runId: Id;
  readonly state: RunState;
}

/**
 * A lost attempt is no failure of the partner's and uses up none of the policy's attempts. But a run that was lost so
 * many times in a row may be what kills the workers: it is held.
 */
const heldAfterLost = 20;

/** Wait before the next attempt: short, because another worker can go on. */
const delayMs = 1_000;

/** Ends attempts whose lease has run out; their runs go back to the queue under a new epoch, which fences them off. */
export async function rescueLostAttempts(
  context: Context,
  { limit }: { readonly limit: number },
): Promise<RescuedRun[]> {
  return await transaction(context.database, async (tx) => {
    const rescued: RescuedRun[] = [];
    for (const fence of await claimLostAttempts(tx, limit)) {
      const run = await findRun(tx, fence.runId);
      if (!run) continue;
      rescued.push({ runId: run.id, state: await endLostAttempt(tx, context, run, fence) });
    }
    return rescued;
  });
}

/**
 * For a start after which no earlier worker can be alive: ends the leases of these workers (without `workerIds`, of
 * all) at once instead of waiting for them to run out. Returns how many runs were rescued.
 */
export async function abandonLeases(
  context: Context,
  { workerIds }: { readonly workerIds?: readonly Id[] } = {},
): Promise<number> {
  await expireLeases(context.database, workerIds);
  const limit = 100;
  for (let total = 0; ; ) {
    const rescued = await rescueLostAttempts(context, { limit });
    total += rescued.length;
    if (rescued.length < limit) return total;
  }
}

/**
 * The caller has locked the run and seen its lease run out. Returns the state that the run took: `held` if it can't be
 * told whether one of its files arrived, because an attempt takes it for a person's decision to go on.
 */
export async function endLostAttempt(
  tx: Transaction,
  { actor }: Context,
  run: Run,
  fence: Fence,
): Promise<RunState> {
  const failure: Failure = {
    code: 'attempt-lost',
    message: `worker ${fence.workerId} stopped reporting while it executed epoch ${fence.epoch} of run ${run.id}`,
  };
  await endAttempt(tx, fence, 'lost', failure);
  const lost = await countLostInARow(tx, run.id);
  const end = endOf(run, (await findUnknownOutcome(tx, run.id)) ?? failure, lost);
  if (!(await endAttemptOfRun(tx, fence, end)))
    throw new Error(`run ${run.id} changed while it was locked for rescue`);
  await insertRunChanged(tx, { runId: run.id, state: end.state });
  await callNext(tx, run, await listPlaceIds(tx, run.id));
  await appendAuditEvent(tx, actor, eventOf(run, end));
  return end.state;
}

function endOf(run: Run, failure: Failure, lost: number): RunEnd {
  const plain = { failure, countsAttempt: false, notBefore: undefined };
  if (run.cancelRequestedAt) return { ...plain, state: 'cancelled' };
  if (failureKind(failure.code).holds) return { ...plain, state: 'held' };
  // A person who retries it grants as many again.
  if (lost > 0 && lost % heldAfterLost === 0)
    return {
      ...plain,
      state: 'held',
      failure: { ...failure, message: `${failure.message}; that was ${lost} times in a row` },
    };
  return { ...plain, state: 'queued', notBefore: new Date(Date.now() + delayMs) };
}

function eventOf(run: Run, { state, failure, notBefore }: RunEnd): AuditEvent {
  const subject = { kind: 'run', id: run.id } as const;
  const data = { transfer: run.transferName, version: run.version };
  const message = failure?.message ?? '';
  if (state === 'cancelled')
    return { type: 'run.cancelled', subject, data: { ...data, reason: 'on request; its attempt was lost' } };
  if (state === 'held')
    return {
      type: 'run.held',
      subject,
      data: {
        ...data,
        epoch: run.epoch,
        failureCode: failure?.code ?? 'attempt-lost',
        failureMessage: message,
      },
    };
  return {
    type: 'run.requeued',
    subject,
    data: {
      ...data,
      epoch: run.epoch,
      cause: 'attempt-lost',
      reason: message,
      ...(notBefore && { notBefore: notBefore.toISOString() }),
    },
  };
}
