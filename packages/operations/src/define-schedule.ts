import type { AuditEvent } from '@waybill/audit';
import {
  appendAuditEvent,
  findSchedule,
  findTransfer,
  insertSchedule,
  type Schedule,
  saveSchedule,
  transaction,
} from '@waybill/db';
import { type CatchUpRule, newId, type ScheduleRule } from '@waybill/domain';
import { nextOccurrence, ScheduleRefused } from '@waybill/domain/occurrences';
import { changedMembers } from './changed.js';
import type { Context } from './context.js';
import { notFound, OperationError, withUniqueName } from './operation-error.js';

export interface ScheduleInput {
  readonly name: string;
  /** Id or name. */
  readonly transfer: string;
  /** Five crontab fields. */
  readonly cron: string;
  /** IANA name. */
  readonly timeZone: string;
  /** Default: `latest`. */
  readonly catchUp?: CatchUpRule | undefined;
  /** Default: true. */
  readonly enabled?: boolean | undefined;
}

/** @throws OperationError `conflict` if the name is taken, `invalid` with the field at fault */
export async function createSchedule(
  { database, actor }: Context,
  input: ScheduleInput,
  now: Date = new Date(),
): Promise<Schedule> {
  const { name, cron, timeZone, catchUp = 'latest', enabled = true } = input;
  const next = dueAfter({ cron, timeZone }, now);
  return await transaction(database, async (tx) => {
    const transfer = await findTransfer(tx, input.transfer);
    if (!transfer)
      throw new OperationError('invalid', `there is no transfer "${input.transfer}"`, { field: '/transfer' });
    const values = { name, cron, timeZone, catchUp, enabled, nextDueAt: enabled ? next : null };
    const schedule = await withUniqueName('schedule', name, () =>
      insertSchedule(tx, newId(), transfer.id, values),
    );
    await appendAuditEvent(tx, actor, {
      type: 'schedule.created',
      subject: { kind: 'schedule', id: schedule.id },
      data: dataOf(schedule),
    });
    return schedule;
  });
}

/**
 * Members left out stay as they are. A changed rule counts from now on, and so does a schedule that is enabled again:
 * what fell due while it was disabled is not made up for.
 * @throws OperationError `not-found`, `conflict` if the name is taken, `invalid` with the field at fault
 */
export async function updateSchedule(
  { database, actor }: Context,
  idOrName: string,
  input: Partial<Omit<ScheduleInput, 'transfer'>>,
  now: Date = new Date(),
): Promise<Schedule> {
  return await transaction(database, async (tx) => {
    const before = await findSchedule(tx, idOrName);
    if (!before) throw notFound('schedule', idOrName);
    const changed = changedMembers<Omit<ScheduleInput, 'transfer'>>(before, input);
    if (changed.length === 0) return before;
    const values = {
      name: input.name ?? before.name,
      cron: input.cron ?? before.cron,
      timeZone: input.timeZone ?? before.timeZone,
      catchUp: input.catchUp ?? before.catchUp,
      enabled: input.enabled ?? before.enabled,
    };
    const next = dueAfter(values, now);
    const counts = changed.some((name) => ['cron', 'timeZone', 'enabled'].includes(name));
    const due = counts ? { nextDueAt: values.enabled ? next : null } : {};
    const schedule = await withUniqueName('schedule', values.name, () =>
      saveSchedule(tx, before.id, { ...values, ...due }),
    );
    await appendAuditEvent(tx, actor, {
      type: 'schedule.updated',
      subject: { kind: 'schedule', id: schedule.id },
      data: { ...dataOf(schedule), changed },
    });
    return schedule;
  });
}

function dueAfter(rule: ScheduleRule, now: Date): Date {
  try {
    return nextOccurrence(rule, now);
  } catch (error) {
    if (!(error instanceof ScheduleRefused)) throw error;
    throw new OperationError('invalid', error.message, { field: `/${error.field}`, cause: error });
  }
}

type ScheduleData = Extract<AuditEvent, { type: 'schedule.created' }>['data'];

function dataOf({ name, transferName, cron, timeZone, catchUp, enabled }: Schedule): ScheduleData {
  return { name, transfer: transferName, cron, timeZone, catchUp, enabled };
}
