import { CronExpressionParser } from 'cron-parser';
import type { CatchUpRule, ScheduleRule } from './schedule.js';

export class ScheduleRefused extends Error {
  override readonly name = 'ScheduleRefused';
  constructor(
    readonly field: 'cron' | 'timeZone',
    message: string,
  ) {
    super(message);
  }
}

/** More than this many occurrences are never enumerated at once. */
const MAX_OCCURRENCES = 10_000;

/**
 * The due times in `(after, until]`, oldest first: the one function behind preview, firing and catch-up.
 * A time that does not exist (spring) falls due at the first instant after the gap; one that exists twice (autumn)
 * falls due once.
 *
 * @param limit at most so many
 * @throws ScheduleRefused if the rule cannot be read
 */
export function occurrences(rule: ScheduleRule, after: Date, until: Date, limit = MAX_OCCURRENCES): Date[] {
  const expression = parse(rule, after);
  const due: Date[] = [];
  while (due.length < Math.min(limit, MAX_OCCURRENCES)) {
    const next = expression.next().toDate();
    if (next > until) break;
    due.push(next);
  }
  return due;
}

/** The first due time after `after`. */
export function nextOccurrence(rule: ScheduleRule, after: Date): Date {
  return parse(rule, after).next().toDate();
}

export interface CatchUp {
  readonly due: Date;
  readonly action: 'fire' | 'skip';
}

/**
 * What to do with each due time that has passed. One that is at most `graceMs` old is on time and always fires.
 * Of the older ones, `all` fires each, `latest` the newest only (and only if none is on time), `skip` none.
 */
export function catchUp(due: readonly Date[], rule: CatchUpRule, now: Date, graceMs: number): CatchUp[] {
  const newest = due.at(-1);
  return due.map((at) => {
    const onTime = now.getTime() - at.getTime() <= graceMs;
    const fire = onTime || rule === 'all' || (rule === 'latest' && at === newest);
    return { due: at, action: fire ? 'fire' : 'skip' };
  });
}

function parse(rule: ScheduleRule, after: Date) {
  checkTimeZone(rule.timeZone);
  const fields = rule.cron.trim().split(/\s+/);
  if (fields.length !== 5)
    throw new ScheduleRefused(
      'cron',
      `"${rule.cron}" has ${fields.length} field(s); write five: minute, hour, day of month, month, day of week`,
    );
  try {
    return CronExpressionParser.parse(rule.cron, { currentDate: after, tz: rule.timeZone });
  } catch (error) {
    throw new ScheduleRefused('cron', `"${rule.cron}" is not a crontab line: ${(error as Error).message}`);
  }
}

function checkTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new ScheduleRefused('timeZone', `"${timeZone}" is not an IANA time zone such as Europe/Berlin`);
  }
}
