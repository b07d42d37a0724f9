import type { NewOccurrence, Schedule, Transfer } from '@waybill/db';
import { catchUp, newId, type ScheduleRule } from '@waybill/domain';
import { type DueTime, occurrences } from '@waybill/domain/occurrences';

/** An occurrence that is at most this old is on time. */
const graceMs = 60_000;

/** How many due times of one schedule are looked at at once; `all` fires that many runs. */
const most = { all: 100, latest: 1000, skip: 1000 } as const;

export interface PlannedOccurrence extends NewOccurrence {
  /** Stands for all due times up to this one. */
  readonly until?: Date;
}

export interface OccurrencePlan {
  readonly occurrences: readonly PlannedOccurrence[];
  /** Up to when due times are dealt with; the next one may have passed as well. */
  readonly until: Date;
}

/** What is known of a schedule that is due. */
export interface DueSchedule {
  readonly schedule: Schedule;
  readonly rule: ScheduleRule;
  readonly transfer: Transfer;
}

/**
 * What becomes of the due times that have passed: pure, but for new ids. Those that nobody catches up are summed up in one
 * occurrence when they are very many.
 */
export function planOccurrences(due: DueSchedule, now: Date): OccurrencePlan {
  const { schedule, rule } = due;
  const size = most[schedule.catchUp];
  const before = new Date((schedule.nextDueAt ?? now).getTime() - 1);
  const passed = occurrences(rule, before, now, size + 1);
  if (passed.length <= size) return { occurrences: decide(due, passed, now), until: now };

  const caughtUpFrom = oldestToCatchUp(schedule, now);
  const some = passed.slice(0, size);
  if (schedule.catchUp === 'all' && (some.at(-1)?.dueAt ?? now) >= caughtUpFrom)
    return { occurrences: decide(due, some, now), until: some.at(-1)?.dueAt ?? now };
  const recent = schedule.catchUp === 'all' ? [] : newest(rule, before, now, size);
  const until = new Date((recent[0]?.dueAt ?? caughtUpFrom).getTime() - 1);
  const summary: PlannedOccurrence = {
    ...{ id: newId(), scheduleId: schedule.id, dueAt: passed[0]?.dueAt ?? now, until },
    state: 'skipped',
    reason: `more than ${size} occurrences fell due while no scheduler ran`,
  };
  const others = decide(due, recent, now);
  return { occurrences: [summary, ...others], until: schedule.catchUp === 'all' ? until : now };
}

/** What fell due earlier is skipped, whatever the rule. */
function oldestToCatchUp({ catchUpWithinMinutes }: Schedule, now: Date): Date {
  const withinMs = catchUpWithinMinutes === undefined ? now.getTime() : catchUpWithinMinutes * 60_000;
  return new Date(now.getTime() - Math.max(withinMs, graceMs));
}

/** The newest due time that is planned, with all after it and some before; none of those may be, if the pause was long. */
function newest(rule: ScheduleRule, before: Date, now: Date, size: number): DueTime[] {
  let found: DueTime[] = [];
  for (let lookBackMs = graceMs; ; lookBackMs *= 2) {
    const from = new Date(Math.max(before.getTime(), now.getTime() - lookBackMs));
    const due = occurrences(rule, from, now, size + 1);
    if (due.length > size) return found;
    found = due;
    if (due.some(({ state }) => state === 'planned')) return found;
  }
}

function decide(
  { schedule, transfer }: DueSchedule,
  due: readonly DueTime[],
  now: Date,
): PlannedOccurrence[] {
  const planned = due.filter(({ state }) => state === 'planned').map(({ dueAt }) => dueAt);
  const { catchUp: rule, catchUpWithinMinutes: withinMinutes } = schedule;
  const actions = new Map(
    catchUp(planned, { rule, withinMinutes }, now, graceMs).map((one) => [one.due, one] as const),
  );
  return due.map(({ dueAt, reason }) => {
    const occurrence = { id: newId(), scheduleId: schedule.id, dueAt };
    const action = actions.get(dueAt);
    if (!action) return { ...occurrence, state: 'skipped', reason };
    if (!transfer.enabled)
      return { ...occurrence, state: 'skipped', reason: `transfer ${transfer.name} is disabled` };
    if (action.action === 'skip') return { ...occurrence, state: 'skipped', reason: action.reason };
    const late = now.getTime() - dueAt.getTime() > graceMs;
    const remarks = [reason, late ? 'fired late: no scheduler ran when it fell due' : ''];
    return { ...occurrence, state: 'fired', reason: remarks.filter((remark) => remark !== '').join('; ') };
  });
}
