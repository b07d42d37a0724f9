import { type Db, findCalendar, findSchedule, type Schedule } from '@waybill/db';
import { type CalendarRule, jitterMs } from '@waybill/domain';
import { type DueTime, nextOccurrences } from '@waybill/domain/occurrences';
import { notFound, OperationError } from './operation-error.js';
import { findRule, ruleOf, withReadableRule } from './schedule-rule.js';

export interface PreviewOptions {
  readonly count: number;
  readonly from: Date;
}

export interface PreviewedOccurrence extends DueTime {
  /** When its run begins, where the schedule has a jitter; `undefined` if it is skipped. */
  readonly notBefore: Date | undefined;
}

export interface NewRule {
  readonly cron: string;
  readonly timeZone: string;
  /** `id`: id or name. */
  readonly calendar?: { readonly id: string; readonly rule: CalendarRule } | undefined;
}

/** The next occurrences, also of a disabled schedule. @throws OperationError `not-found` */
export async function previewSchedule(
  db: Db,
  idOrName: string,
  { count, from }: PreviewOptions,
): Promise<{ schedule: Schedule; occurrences: PreviewedOccurrence[] }> {
  const schedule = await findSchedule(db, idOrName);
  if (!schedule) throw notFound('schedule', idOrName);
  const rule = await findRule(db, schedule);
  const begin = ({ dueAt, state }: DueTime) =>
    state === 'planned' && schedule.jitterSeconds > 0
      ? new Date(dueAt.getTime() + jitterMs(schedule.id, dueAt, schedule.jitterSeconds))
      : undefined;
  const occurrences = nextOccurrences(rule, from, count).map((due) => ({ ...due, notBefore: begin(due) }));
  return { schedule, occurrences };
}

/** The next occurrences of a rule that no schedule has yet. @throws OperationError `invalid` with the field at fault */
export async function previewRule(
  db: Db,
  { calendar, ...rule }: NewRule,
  { count, from }: PreviewOptions,
): Promise<PreviewedOccurrence[]> {
  const days = calendar && (await findCalendar(db, calendar.id));
  if (calendar && !days)
    throw new OperationError('invalid', `there is no calendar "${calendar.id}"`, { field: '/calendar/id' });
  const read = ruleOf({ ...rule, calendar, pausedUntil: undefined }, days);
  const due = withReadableRule(() => nextOccurrences(read, from, count));
  return due.map((one) => ({ ...one, notBefore: undefined }));
}
