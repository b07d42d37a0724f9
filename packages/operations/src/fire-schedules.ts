import type { AuditEvent } from '@waybill/audit';
import {
  advanceSchedules,
  appendAuditEvents,
  claimDueSchedules,
  findOpenRuns,
  findTransfersById,
  insertOccurrences,
  insertRuns,
  insertRunsChanged,
  lockTransfers,
  type NewRun,
  type Schedule,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type Id, jitterMs, newId } from '@waybill/domain';
import { nextOccurrence } from '@waybill/domain/occurrences';
import type { Context } from './context.js';
import { type DueSchedule, type PlannedOccurrence, planOccurrences } from './plan-occurrences.js';
import { findRules } from './schedule-rule.js';
import { findPools } from './trigger-run.js';

export interface FiredOccurrence {
  readonly scheduleId: Id;
  readonly schedule: string;
  readonly dueAt: Date;
  readonly runId: Id;
}

export interface FireOptions {
  readonly now: Date;
  /** At most so many schedules; one with much to catch up counts several times. */
  readonly limit: number;
  /** Takes no further batch after so long. Default: no bound but `limit`. */
  readonly forMs?: number;
  /** So many schedules in one transaction. Default: 250. */
  readonly batch?: number;
}

/**
 * Makes the runs of all schedules that are due, a batch of schedules in one transaction. Any number of schedulers may do
 * so at once: the schedules' rows are claimed, and an occurrence exists once.
 *
 * @throws AggregateError of the schedules that failed, after all others were done
 */
export async function fireDueSchedules(
  context: Context,
  { now, limit, forMs = Number.POSITIVE_INFINITY, batch = 250 }: FireOptions,
): Promise<FiredOccurrence[]> {
  const fired: FiredOccurrence[] = [];
  const failed = new Map<Id, Error>();
  const deadline = performance.now() + forMs;
  let size = batch;
  for (let left = limit; left > 0 && performance.now() < deadline; ) {
    let claimed: readonly Schedule[] = [];
    try {
      const done = await transaction(context.database, async (tx) => {
        const except = [...failed.keys()];
        claimed = await claimDueSchedules(tx, { now, limit: Math.min(size, left), except });
        return await fireSchedules(tx, context, claimed, now);
      });
      fired.push(...done.fired);
      for (const [id, error] of done.failed) failed.set(id, error);
      if (claimed.length === 0) break;
      left -= claimed.length;
    } catch (error) {
      const [first, second] = claimed;
      if (!first) throw error;
      // One schedule that the database refuses spoils its batch: one by one, the others are fired all the same.
      if (!second) failed.set(first.id, failureOf(first, error));
      size = second ? 1 : batch;
    }
  }
  if (failed.size > 0)
    throw new AggregateError(failed.values(), `${failed.size} schedule(s) could not be fired`);
  return fired;
}

/** One that cannot be planned is left as it is. */
async function fireSchedules(
  tx: Transaction,
  { actor }: Context,
  schedules: readonly Schedule[],
  now: Date,
): Promise<{ fired: FiredOccurrence[]; failed: Map<Id, Error> }> {
  if (schedules.length === 0) return { fired: [], failed: new Map() };
  const { plans, failed } = await planAll(tx, schedules, now);
  await advanceSchedules(tx, plans);
  const inserted = await insertOccurrences(
    tx,
    plans.flatMap(({ occurrences }) => occurrences),
  );
  const kept = plans.map((plan) => ({
    ...plan,
    occurrences: plan.occurrences.filter(({ id }) => inserted.has(id)),
  }));

  const runs = kept.flatMap(runsOf);
  await insertRuns(
    tx,
    runs.map(({ run }) => run),
  );
  await insertRunsChanged(
    tx,
    runs.map(({ run }) => ({ runId: run.id, state: 'queued' })),
  );
  await appendAuditEvents(tx, actor, [...kept.flatMap(skipEvents), ...runs.map(triggered)]);
  const fired = runs.map(({ schedule, run }) => ({
    ...{ scheduleId: schedule.id, schedule: schedule.name, dueAt: run.dueAt, runId: run.id },
  }));
  return { fired, failed };
}

interface Plan extends DueSchedule {
  readonly id: Id;
  readonly pool: string;
  readonly occurrences: readonly PlannedOccurrence[];
  readonly nextDueAt: Date;
}

async function planAll(
  tx: Transaction,
  schedules: readonly Schedule[],
  now: Date,
): Promise<{ plans: Plan[]; failed: Map<Id, Error> }> {
  const transfers = await findTransfersById(tx, [...new Set(schedules.map(({ transferId }) => transferId))]);
  const poolOf = await findPools(tx, [...transfers.values()]);
  const ruleOf = await findRules(tx, schedules);
  const plans: Plan[] = [];
  const failed = new Map<Id, Error>();
  for (const schedule of schedules)
    try {
      const transfer = transfers.get(schedule.transferId);
      if (!transfer) throw new Error('it points at a transfer that is not there');
      const due = { schedule, transfer, rule: ruleOf(schedule) };
      const { occurrences, until } = planOccurrences(due, now);
      const nextDueAt = nextOccurrence(due.rule, until);
      plans.push({ ...due, id: schedule.id, pool: poolOf(transfer), occurrences, nextDueAt });
    } catch (error) {
      failed.set(schedule.id, failureOf(schedule, error));
    }
  return { plans: await withoutOverlaps(tx, plans), failed };
}

function failureOf({ id, name }: Schedule, cause: unknown): Error {
  return new Error(`schedule ${name} (${id}) could not be fired`, { cause });
}

/**
 * Skips what falls due while a run of the transfer is queued or running, where the schedule says so. Locks the transfers:
 * of two schedules that fire at once one sees the other's run.
 */
async function withoutOverlaps(tx: Transaction, plans: readonly Plan[]): Promise<Plan[]> {
  const asked = plans
    .filter(({ schedule }) => schedule.overlap === 'skip')
    .map(({ transfer }) => transfer.id);
  if (asked.length === 0) return [...plans];
  await lockTransfers(tx, [...new Set(asked)]);
  const open = await findOpenRuns(tx, asked);
  const inTheWay = new Map(
    [...open].map(([id, { runId, state }]) => [id, `run ${runId} of the transfer is ${state}`]),
  );
  return plans.map((plan) => ({
    ...plan,
    occurrences: plan.occurrences.map((occurrence) => {
      if (occurrence.state === 'skipped') return occurrence;
      const reason = inTheWay.get(plan.transfer.id);
      if (reason !== undefined && plan.schedule.overlap === 'skip')
        return { ...occurrence, state: 'skipped', reason };
      inTheWay.set(
        plan.transfer.id,
        `the transfer has a run of ${occurrence.dueAt.toISOString()} still queued`,
      );
      return occurrence;
    }),
  }));
}

interface ScheduledRun {
  readonly schedule: Schedule;
  readonly version: number;
  readonly transferName: string;
  readonly run: NewRun & { readonly dueAt: Date };
}

function runsOf({ schedule, transfer, pool, occurrences }: Plan): ScheduledRun[] {
  const { jitterSeconds } = schedule;
  return occurrences
    .filter(({ state }) => state === 'fired')
    .map(({ id: occurrenceId, dueAt }) => ({
      ...{ schedule, version: transfer.currentVersion, transferName: transfer.name },
      run: {
        ...{ id: newId(), transferId: transfer.id, transferVersionId: transfer.versionId, pool },
        ...{ trigger: 'schedule', occurrenceId, dueAt },
        ...(jitterSeconds > 0 && {
          notBefore: new Date(dueAt.getTime() + jitterMs(schedule.id, dueAt, jitterSeconds)),
        }),
      },
    }));
}

/** One event for all that were skipped for the same reason. */
function skipEvents({ schedule, occurrences }: Plan): AuditEvent[] {
  const groups = new Map<string, PlannedOccurrence[]>();
  for (const occurrence of occurrences.filter(({ state }) => state === 'skipped')) {
    const group = groups.get(occurrence.reason);
    if (group) group.push(occurrence);
    else groups.set(occurrence.reason, [occurrence]);
  }
  return [...groups.values()].flatMap((group) => skipEvent(schedule, group));
}

function skipEvent({ id, name }: Schedule, group: readonly PlannedOccurrence[]): AuditEvent[] {
  const [first] = group;
  const last = group.at(-1);
  if (!first || !last) return [];
  const until = last.until ?? (last === first ? undefined : last.dueAt);
  const data = {
    schedule: name,
    dueAt: first.dueAt.toISOString(),
    ...(until && { until: until.toISOString() }),
    reason: first.reason,
  };
  return [{ type: 'occurrence.skipped', subject: { kind: 'schedule', id }, data }];
}

function triggered({ schedule, transferName, version, run }: ScheduledRun): AuditEvent {
  return {
    type: 'run.triggered',
    subject: { kind: 'run', id: run.id },
    data: {
      ...{ transfer: transferName, version, trigger: 'schedule', schedule: schedule.name },
      dueAt: run.dueAt.toISOString(),
    },
  };
}
