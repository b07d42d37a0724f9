import {
  appendAuditEvent,
  findOccurrence,
  findRun,
  findTransfer,
  fireSkippedOccurrence,
  insertOccurrences,
  insertRun,
  insertRunChanged,
  lockSchedule,
  type Run,
  type Schedule,
  type Transaction,
  type Transfer,
  transaction,
} from '@waybill/db';
import { type Id, newId } from '@waybill/domain';
import { type DueTime, occurrencesOn } from '@waybill/domain/occurrences';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';
import { findRule } from './schedule-rule.js';
import { poolOf } from './trigger-run.js';

export interface DateRequest {
  /** In the schedule's time zone: `2026-11-20`. */
  readonly date: string;
  /** Makes a run also of a due time that has one. Default: false. */
  readonly again?: boolean | undefined;
}

/**
 * Makes the runs of the due times of a past date, or finds those that there are. A pause does not count; what the
 * calendar leaves out stays left out.
 * @throws OperationError `not-found`; `invalid` if nothing falls due on the date; `state` if all of it is left out, is yet to
 * come, or the transfer is disabled
 */
export async function runForDate(
  { database, actor }: Context,
  idOrName: string,
  { date, again = false }: DateRequest,
  now: Date = new Date(),
): Promise<{ runs: Run[]; created: boolean }> {
  return await transaction(database, async (tx) => {
    const schedule = await lockSchedule(tx, idOrName);
    if (!schedule) throw notFound('schedule', idOrName);
    const transfer = await findTransfer(tx, schedule.transferId);
    if (!transfer) throw new Error(`schedule ${schedule.name} points at a transfer that is not there`);
    const due = await dueOn(tx, schedule, date, now);

    const runs: Run[] = [];
    const made: Id[] = [];
    for (const { dueAt } of due) {
      const occurrence = await findOccurrence(tx, schedule.id, dueAt);
      const earlier = occurrence?.runId && !again ? await findRun(tx, occurrence.runId) : undefined;
      const run = earlier ?? (await makeRun(tx, schedule, transfer, dueAt));
      runs.push(run);
      if (!earlier) made.push(run.id);
    }
    for (const run of runs.filter(({ id }) => made.includes(id)))
      await appendAuditEvent(tx, actor, {
        type: 'run.triggered',
        subject: { kind: 'run', id: run.id },
        data: {
          ...{ transfer: transfer.name, version: transfer.currentVersion, trigger: 'request' },
          ...{ schedule: schedule.name, dueAt: run.dueAt?.toISOString() ?? '' },
        },
      });
    return { runs, created: made.length > 0 };
  });
}

async function dueOn(tx: Transaction, schedule: Schedule, date: string, now: Date): Promise<DueTime[]> {
  const { name, timeZone } = schedule;
  const rule = await findRule(tx, { ...schedule, pausedUntil: undefined });
  const due = occurrencesOn(rule, date);
  const planned = due.filter(({ state }) => state === 'planned');
  const passed = planned.filter(({ dueAt }) => dueAt <= now);
  if (due.length === 0)
    throw new OperationError('invalid', `nothing of schedule ${name} falls due on ${date} in ${timeZone}`, {
      field: '/for',
    });
  if (planned.length === 0)
    throw new OperationError('state', `schedule ${name} leaves out ${date}: ${due[0]?.reason}`);
  if (passed.length === 0)
    throw new OperationError(
      'state',
      `schedule ${name} has yet to fall due on ${date}, at ${planned[0]?.dueAt.toISOString()}; run the transfer itself to have it now`,
    );
  return passed;
}

async function makeRun(tx: Transaction, schedule: Schedule, transfer: Transfer, dueAt: Date): Promise<Run> {
  if (!transfer.enabled)
    throw new OperationError('state', `transfer ${transfer.name} is disabled; enable it to run it`);
  const id = newId();
  await insertRun(tx, {
    ...{ id, transferId: transfer.id, transferVersionId: transfer.versionId, trigger: 'request' },
    ...{ occurrenceId: await firedOccurrence(tx, schedule, dueAt), dueAt, pool: await poolOf(tx, transfer) },
  });
  await insertRunChanged(tx, { runId: id, state: 'queued' });
  const run = await findRun(tx, id);
  if (!run) throw new Error(`run ${id} is not there right after it was made`);
  return run;
}

/** The id of the occurrence, which is made, or taken out of those that were skipped. */
async function firedOccurrence(tx: Transaction, schedule: Schedule, dueAt: Date): Promise<Id> {
  const found = await findOccurrence(tx, schedule.id, dueAt);
  if (found?.state === 'skipped')
    await fireSkippedOccurrence(tx, found.id, `run on request; it was skipped: ${found.reason}`);
  if (found) return found.id;
  const id = newId();
  await insertOccurrences(tx, [
    { id, scheduleId: schedule.id, dueAt, state: 'fired', reason: 'run on request' },
  ]);
  return id;
}
