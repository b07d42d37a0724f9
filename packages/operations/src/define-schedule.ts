import type { AuditEvent } from '@waybill/audit';
import {
  appendAuditEvent,
  findTransfer,
  insertSchedule,
  lockCalendar,
  lockSchedule,
  type Schedule,
  type ScheduleValues,
  saveSchedule,
  type Transaction,
  transaction,
} from '@waybill/db';
import { type CalendarRule, type CatchUpRule, newId, type OverlapRule } from '@waybill/domain';
import { nextOccurrence } from '@waybill/domain/occurrences';
import { changedMembers } from './changed.js';
import type { Context } from './context.js';
import { notFound, OperationError, withUniqueName } from './operation-error.js';
import { ruleOf, withReadableRule } from './schedule-rule.js';

export interface ScheduleInput {
  readonly name: string;
  /** Id or name. */
  readonly transfer: string;
  /** Five crontab fields. */
  readonly cron: string;
  /** IANA name. */
  readonly timeZone: string;
  /** `id`: id or name. Default: none. */
  readonly calendar?: { readonly id: string; readonly rule: CalendarRule } | null | undefined;
  /** Default: `queue`. */
  readonly overlap?: OverlapRule | undefined;
  /** Default: 0. */
  readonly jitterSeconds?: number | undefined;
  /** Default: `latest`. */
  readonly catchUp?: CatchUpRule | undefined;
  /** Default: no limit. */
  readonly catchUpWithinMinutes?: number | null | undefined;
  /** Default: not paused. */
  readonly pausedUntil?: Date | null | undefined;
  /** Default: true. */
  readonly enabled?: boolean | undefined;
}

type ScheduleChange = Partial<Omit<ScheduleInput, 'transfer'>>;

/** What there is to set of a schedule, all of it. */
type Settings = {
  readonly [Member in keyof ScheduleChange]-?: Exclude<ScheduleChange[Member], undefined>;
};

const defaults = {
  calendar: null,
  overlap: 'queue',
  jitterSeconds: 0,
  catchUp: 'latest',
  catchUpWithinMinutes: null,
  pausedUntil: null,
  enabled: true,
} as const satisfies Partial<Settings>;

/** @throws OperationError `conflict` if the name is taken, `invalid` with the field at fault */
export async function createSchedule(
  { database, actor }: Context,
  { transfer: transferName, ...input }: ScheduleInput,
  now: Date = new Date(),
): Promise<Schedule> {
  const { name, cron, timeZone } = input;
  refusePast(input, now);
  return await transaction(database, async (tx) => {
    const transfer = await findTransfer(tx, transferName);
    if (!transfer)
      throw new OperationError('invalid', `there is no transfer "${transferName}"`, { field: '/transfer' });
    const { settings, next } = await check(tx, merged({ ...defaults, name, cron, timeZone }, input), now);
    const schedule = await withUniqueName('schedule', settings.name, () =>
      insertSchedule(tx, newId(), transfer.id, toValues(settings, next)),
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
  input: ScheduleChange,
  now: Date = new Date(),
): Promise<Schedule> {
  refusePast(input, now);
  return await transaction(database, async (tx) => {
    const before = await lockSchedule(tx, idOrName);
    if (!before) throw notFound('schedule', idOrName);
    const { settings, next } = await check(tx, merged(settingsOf(before), input), now);
    const changed = changedMembers(settingsOf(before), settings);
    if (changed.length === 0) return before;
    const counts = changed.some((name) => ['cron', 'timeZone', 'calendar', 'enabled'].includes(name));
    const values = toValues(settings, counts ? next : (before.nextDueAt ?? null));
    const schedule = await withUniqueName('schedule', settings.name, () =>
      saveSchedule(tx, before.id, values),
    );
    await appendAuditEvent(tx, actor, {
      type: 'schedule.updated',
      subject: { kind: 'schedule', id: schedule.id },
      data: { ...dataOf(schedule), changed },
    });
    return schedule;
  });
}

function settingsOf(schedule: Schedule): Settings {
  const { name, cron, timeZone, calendar, overlap, jitterSeconds, catchUp, enabled } = schedule;
  return {
    ...{ name, cron, timeZone, overlap, jitterSeconds, catchUp, enabled },
    calendar: calendar ? { id: calendar.id, rule: calendar.rule } : null,
    catchUpWithinMinutes: schedule.catchUpWithinMinutes ?? null,
    pausedUntil: schedule.pausedUntil ?? null,
  };
}

function merged(base: Settings, input: ScheduleChange): Settings {
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(given) };
}

/**
 * The settings with the id of the calendar, which is locked, and the first due time after `now` (`null` while disabled).
 * @throws OperationError `invalid` with the field at fault
 */
async function check(
  tx: Transaction,
  settings: Settings,
  now: Date,
): Promise<{ settings: Settings; next: Date | null }> {
  const { calendar, catchUp, catchUpWithinMinutes, enabled } = settings;
  if (catchUp === 'skip' && catchUpWithinMinutes !== null)
    throw new OperationError('invalid', 'the catch-up rule "skip" catches up nothing; leave the limit out', {
      field: '/catchUpWithinMinutes',
    });
  const days = calendar ? await lockCalendar(tx, calendar.id) : undefined;
  if (calendar && !days)
    throw new OperationError('invalid', `there is no calendar "${calendar.id}"`, { field: '/calendar/id' });
  const exact = { ...settings, calendar: calendar && days ? { ...calendar, id: days.id } : null };
  const rule = ruleOf({ ...exact, calendar: exact.calendar ?? undefined, pausedUntil: undefined }, days);
  const next = withReadableRule(() => nextOccurrence(rule, now));
  return { settings: exact, next: enabled ? next : null };
}

function refusePast({ pausedUntil }: ScheduleChange, now: Date): void {
  if (!pausedUntil || pausedUntil > now) return;
  const past = `${pausedUntil.toISOString()} is past; leave it out, or write null to end a pause`;
  throw new OperationError('invalid', past, { field: '/pausedUntil' });
}

function toValues({ calendar, ...settings }: Settings, nextDueAt: Date | null): ScheduleValues {
  return {
    ...settings,
    calendarId: calendar?.id ?? null,
    calendarRule: calendar?.rule ?? null,
    nextDueAt,
  };
}

type ScheduleData = Extract<AuditEvent, { type: 'schedule.created' }>['data'];

function dataOf(schedule: Schedule): ScheduleData {
  const { name, transferName, cron, timeZone, calendar, overlap, jitterSeconds, catchUp, enabled } = schedule;
  const { catchUpWithinMinutes, pausedUntil } = schedule;
  return {
    ...{ name, transfer: transferName, cron, timeZone, overlap, jitterSeconds, catchUp, enabled },
    ...(calendar && { calendar: { name: calendar.name, rule: calendar.rule } }),
    ...(catchUpWithinMinutes !== undefined && { catchUpWithinMinutes }),
    ...(pausedUntil && { pausedUntil: pausedUntil.toISOString() }),
  };
}
