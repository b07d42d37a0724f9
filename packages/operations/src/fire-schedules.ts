import type { AuditEvent } from '@waybill/audit';
import {
  advanceSchedule,
  appendAuditEvent,
  claimDueSchedule,
  findTransfer,
  insertOccurrences,
  insertRun,
  insertRunChanged,
  type Occurrence,
  type Schedule,
  type Transaction,
  type Transfer,
  transaction,
} from '@waybill/db';
import { catchUp, type Id, newId } from '@waybill/domain';
import { nextOccurrence, occurrences } from '@waybill/domain/occurrences';
import type { Context } from './context.js';
import { poolOf } from './trigger-run.js';

export interface FiredOccurrence {
  readonly scheduleId: Id;
  readonly schedule: string;
  readonly dueAt: Date;
  readonly runId: Id;
}

/** An occurrence that is at most this old is on time. */
const graceMs = 60_000;

/** How many due times of one schedule are looked at in one transaction; `all` fires that many runs. */
const batch = { all: 100, latest: 1000, skip: 1000 } as const;

/**
 * Makes the runs of all schedules that are due, each schedule in its own transaction. Any number of schedulers may do
 * so at once: the schedule's row is claimed, and an occurrence exists once.
 *
 * @param options.limit at most so many schedules; one with much to catch up counts several times
 * @throws AggregateError of the schedules that failed, after all others were done
 */
export async function fireDueSchedules(
  context: Context,
  { now, limit }: { readonly now: Date; readonly limit: number },
): Promise<FiredOccurrence[]> {
  const fired: FiredOccurrence[] = [];
  const failed: Id[] = [];
  const errors: unknown[] = [];
  for (let i = 0; i < limit; i++) {
    let claimed: Id | undefined;
    try {
      const more = await transaction(context.database, async (tx) => {
        const schedule = await claimDueSchedule(tx, now, failed);
        claimed = schedule?.id;
        return schedule && (await fireSchedule(tx, context, schedule, now));
      });
      if (!more) break;
      fired.push(...more);
    } catch (error) {
      if (claimed === undefined) throw error;
      failed.push(claimed);
      errors.push(new Error(`schedule ${claimed} could not be fired`, { cause: error }));
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} schedule(s) could not be fired`);
  return fired;
}

async function fireSchedule(
  tx: Transaction,
  { actor }: Context,
  schedule: Schedule,
  now: Date,
): Promise<FiredOccurrence[]> {
  const transfer = await findTransfer(tx, schedule.transferId);
  if (!transfer) throw new Error(`schedule ${schedule.name} points at a transfer that is not there`);
  const { planned, until } = plan(schedule, transfer, now);
  const inserted = await insertOccurrences(tx, schedule.id, planned);
  const kept = planned.filter(({ id }) => inserted.has(id));
  await advanceSchedule(tx, schedule.id, nextOccurrence(schedule, until));

  const events: AuditEvent[] = skipEvents(
    schedule,
    kept.filter(({ state }) => state === 'skipped'),
  );
  const fired: FiredOccurrence[] = [];
  const pool = await poolOf(tx, transfer);
  for (const { id, dueAt } of kept.filter(({ state }) => state === 'fired')) {
    const runId = await insertScheduledRun(tx, transfer, pool, id);
    fired.push({ scheduleId: schedule.id, schedule: schedule.name, dueAt, runId });
    events.push(triggered(runId, schedule, transfer, dueAt));
  }
  for (const event of events) await appendAuditEvent(tx, actor, event);
  return fired;
}

interface Planned extends Pick<Occurrence, 'id' | 'dueAt' | 'state' | 'reason'> {
  /** Stands for all due times up to this one. */
  readonly until?: Date;
}

/** What becomes of the due times that have passed, and up to when they are dealt with. Pure, but for new ids. */
function plan(schedule: Schedule, transfer: Transfer, now: Date): { planned: Planned[]; until: Date } {
  const first = schedule.nextDueAt ?? now;
  const size = batch[schedule.catchUp];
  const due = [first, ...dueTimes(schedule, first, now, size)];
  const tooMany = due.length > size;
  if (!tooMany) return { planned: decide(schedule, transfer, due, now), until: now };
  if (schedule.catchUp === 'all') {
    const some = due.slice(0, size);
    return { planned: decide(schedule, transfer, some, now), until: some.at(-1) ?? now };
  }
  const recent = newestDue(schedule, now);
  const summary = {
    id: newId(),
    dueAt: first,
    state: 'skipped',
    reason: `more than ${size} occurrences fell due while no scheduler ran`,
    until: new Date((recent[0] ?? now).getTime() - 1),
  } as const;
  return { planned: [summary, ...decide(schedule, transfer, recent, now)], until: now };
}

/** The last due time up to `now`, with those of the minutes around it. */
function newestDue(schedule: Schedule, now: Date): Date[] {
  for (let lookBackMs = graceMs; ; lookBackMs *= 2) {
    const due = dueTimes(schedule, new Date(now.getTime() - lookBackMs), now);
    if (due.length > 0) return due;
  }
}

function dueTimes(schedule: Schedule, after: Date, until: Date, limit?: number): Date[] {
  return occurrences(schedule, after, until, limit).map(({ dueAt }) => dueAt);
}

function decide(schedule: Schedule, transfer: Transfer, due: readonly Date[], now: Date): Planned[] {
  return catchUp(due, { rule: schedule.catchUp }, now, graceMs).map(({ due: dueAt, action, reason }) => {
    const id = newId();
    if (!transfer.enabled)
      return { id, dueAt, state: 'skipped', reason: `transfer ${transfer.name} is disabled` };
    if (action === 'skip') return { id, dueAt, state: 'skipped', reason };
    const late = now.getTime() - dueAt.getTime() > graceMs;
    return { id, dueAt, state: 'fired', reason: late ? 'fired late: no scheduler ran when it fell due' : '' };
  });
}

/** One event for all that were skipped for the same reason. */
function skipEvents(schedule: Schedule, skipped: readonly Planned[]): AuditEvent[] {
  const reasons = [...new Set(skipped.map(({ reason }) => reason))];
  return reasons.flatMap((reason) => {
    const group = skipped.filter((occurrence) => occurrence.reason === reason);
    const [first] = group;
    const last = group.at(-1);
    if (!first || !last) return [];
    const until = last.until ?? (last === first ? undefined : last.dueAt);
    const data = {
      schedule: schedule.name,
      dueAt: first.dueAt.toISOString(),
      ...(until && { until: until.toISOString() }),
      reason,
    };
    return [{ type: 'occurrence.skipped', subject: { kind: 'schedule', id: schedule.id }, data } as const];
  });
}

async function insertScheduledRun(
  tx: Transaction,
  transfer: Transfer,
  pool: string,
  occurrenceId: Id,
): Promise<Id> {
  const id = newId();
  await insertRun(tx, {
    id,
    transferId: transfer.id,
    transferVersionId: transfer.versionId,
    trigger: 'schedule',
    occurrenceId,
    pool,
  });
  await insertRunChanged(tx, { runId: id, state: 'queued' });
  return id;
}

function triggered(runId: Id, schedule: Schedule, transfer: Transfer, dueAt: Date): AuditEvent {
  return {
    type: 'run.triggered',
    subject: { kind: 'run', id: runId },
    data: {
      transfer: transfer.name,
      version: transfer.currentVersion,
      trigger: 'schedule',
      schedule: schedule.name,
      dueAt: dueAt.toISOString(),
    },
  };
}
