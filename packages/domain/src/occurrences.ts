import { type CronLine, CronRefused, parseCronLine } from './cron-line.js';
import { isMoving, moveToBusinessDay, reachOf, whyLeftOut } from './holiday-rule.js';
import type { ScheduleRule } from './schedule.js';
import { type LocalTime, type TimeZone, timeZone } from './time-zone.js';

export class ScheduleRefused extends Error {
  override readonly name = 'ScheduleRefused';
  constructor(
    readonly field: 'cron' | 'timeZone',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An occurrence as the rule has it: whether it happens, too, depends on what is there when it falls due. */
export interface DueTime {
  readonly dueAt: Date;
  readonly state: 'planned' | 'skipped';
  /** Why it is skipped, or from which days it was moved here. */
  readonly reason: string;
}

/** More than this many occurrences are never enumerated at once. */
const MAX_OCCURRENCES = 10_000;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Clocks are never set by more than a day. */
const LARGEST_SHIFT_MS = 26 * 3_600_000;
/** The 29th of February may be eight years away, and a calendar may move it. */
const HORIZON_MS = 10 * 366 * DAY_MS;

/**
 * The due times in `(after, until]`, oldest first: the one function behind preview, firing, catch-up and runs for a date.
 * A time that the clocks jump over falls due at the first instant after the gap; one that they show twice falls due the
 * first time. Of a line that names every hour each minute falls due whenever the clocks show it, and none is made up for.
 *
 * @param limit at most so many
 * @throws ScheduleRefused if the rule cannot be read
 */
export function occurrences(
  rule: ScheduleRule,
  after: Date,
  until: Date,
  limit = MAX_OCCURRENCES,
): DueTime[] {
  const due: DueTime[] = [];
  const most = Math.min(limit, MAX_OCCURRENCES);
  for (const next of dueTimes(rule, after)) {
    if (next.dueAt > until || due.length >= most) break;
    due.push(next);
  }
  return due;
}

/** The next `count` due times after `after`. @throws ScheduleRefused if the rule cannot be read */
export function nextOccurrences(rule: ScheduleRule, after: Date, count: number): DueTime[] {
  return occurrences(rule, after, new Date(after.getTime() + HORIZON_MS), count);
}

/** The first due time after `after`, skipped or not. @throws ScheduleRefused also if there is none within ten years */
export function nextOccurrence(rule: ScheduleRule, after: Date): Date {
  const [next] = nextOccurrences(rule, after, 1);
  if (!next) throw new ScheduleRefused('cron', `"${rule.cron}" does not fall due within ten years`);
  return next.dueAt;
}

/**
 * What falls due on a date of the schedule's time zone, such as `2026-11-20`.
 * @throws ScheduleRefused if the rule cannot be read
 */
export function occurrencesOn(rule: ScheduleRule, date: string): DueTime[] {
  const { zone } = read(rule);
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const [from, until] = [zone.toInstant(midnight), zone.toInstant(midnight + DAY_MS)];
  // Neighbours too: where clocks go back over midnight, the end of a day comes after the beginning of the next.
  const around = occurrences(rule, new Date(from - DAY_MS), new Date(until + DAY_MS));
  return around.filter(({ dueAt }) => dayOf(zone.toLocal(dueAt.getTime())) === dayOf(midnight));
}

/** Windows that grow: a caller who wants one due time looks at a day, one who wants many at months. */
function* dueTimes(rule: ScheduleRule, after: Date): Generator<DueTime> {
  const plan = read(rule);
  const end = after.getTime() + HORIZON_MS;
  let days = 1;
  for (let from = after.getTime(); from < end; days = Math.min(2 * days, 64)) {
    const until = from + days * DAY_MS;
    yield* isMoving(rule.calendar) ? movedTimes(plan, from, until) : nominalTimes(plan, from, until);
    from = until;
  }
}

interface Plan extends ScheduleRule {
  readonly line: CronLine;
  readonly zone: TimeZone;
}

function* nominalTimes(plan: Plan, from: number, until: number): Generator<DueTime> {
  for (const { at, local } of crontabTimes(plan, from, until))
    yield dueTime(plan, at, plan.calendar && whyLeftOut(plan.calendar, dayOf(local)));
}

function dueTime({ pausedUntil }: Plan, at: number, leftOut: string | undefined, moved = ''): DueTime {
  const paused = pausedUntil && at < pausedUntil.getTime() && `paused until ${pausedUntil.toISOString()}`;
  const why = leftOut || paused;
  return { dueAt: new Date(at), state: why ? 'skipped' : 'planned', reason: why || moved };
}

/** Looks as far around as days are moved; two that come to fall on the same instant are one. */
function* movedTimes(plan: Plan, from: number, until: number): Generator<DueTime> {
  const { calendar, zone } = plan;
  if (!calendar) return;
  const reach = reachOf(calendar, dayOf(zone.toLocal(from)), dayOf(zone.toLocal(until)));
  const [first, last] = [reach.first * DAY_MS - LARGEST_SHIFT_MS, reach.last * DAY_MS + LARGEST_SHIFT_MS];
  const found = new Map<number, Set<string>>();
  for (const { at, local } of crontabTimes(plan, first, last)) {
    const move = moveToBusinessDay(calendar, dayOf(local));
    const movedAt = move ? zone.toInstant(move.day * DAY_MS + (local % DAY_MS)) : at;
    if (movedAt <= from || movedAt > until) continue;
    const reasons = found.get(movedAt) ?? new Set();
    if (move) reasons.add(move.from);
    found.set(movedAt, reasons);
  }
  for (const [at, moved] of [...found].sort(([a], [b]) => a - b))
    yield dueTime(plan, at, undefined, moved.size > 0 ? `moved here from ${[...moved].join(', ')}` : '');
}

interface CrontabTime {
  readonly at: number;
  /** What the line names; `at` is later where the clocks jump over it. */
  readonly local: LocalTime;
}

/**
 * What the line alone says of `(from, until]`. A time of the day is looked for on a clock that never goes back: it passes
 * all that a gap leaves out at the gap's end, and nothing twice.
 */
function* crontabTimes({ line, zone }: Plan, from: number, until: number): Generator<CrontabTime> {
  let passed = zone.toLocal(from - LARGEST_SHIFT_MS);
  let last = from;
  for (const span of zone.spans(from - LARGEST_SHIFT_MS, until + 1)) {
    const [shown, end] = [span.from + span.offsetMs, span.until + span.offsetMs];
    const begin = Math.max(
      line.everyHour ? shown : passed,
      span.from < from ? from + span.offsetMs : -Infinity,
    );
    for (const local of minutesNamed(line, begin, end)) {
      const at = Math.max(span.from, local - span.offsetMs);
      if (at > until) return;
      if (at > last) yield { at, local };
      last = Math.max(last, at);
    }
    passed = Math.max(passed, end);
  }
}

/** The minutes of `[from, until)` that the line names. */
function* minutesNamed(line: CronLine, from: LocalTime, until: LocalTime): Generator<LocalTime> {
  for (let day = dayOf(from); day * DAY_MS < until; day++) {
    if (!line.includesDay(day)) continue;
    for (const minute of line.minutesOfDay) {
      const local = day * DAY_MS + minute * MINUTE_MS;
      if (local >= until) return;
      if (local >= from) yield local;
    }
  }
}

function dayOf(local: LocalTime): number {
  return Math.floor(local / DAY_MS);
}

function read(rule: ScheduleRule): Plan {
  return { ...rule, zone: readTimeZone(rule.timeZone), line: readLine(rule.cron) };
}

function readLine(cron: string): CronLine {
  try {
    return parseCronLine(cron);
  } catch (error) {
    if (!(error instanceof CronRefused)) throw error;
    throw new ScheduleRefused('cron', `"${cron}" is refused: ${error.message}`, { cause: error });
  }
}

function readTimeZone(name: string): TimeZone {
  try {
    return timeZone(name);
  } catch (cause) {
    throw new ScheduleRefused('timeZone', `"${name}" is not an IANA time zone such as Europe/Berlin`, {
      cause,
    });
  }
}
