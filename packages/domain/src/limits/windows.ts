import type { EpochDay } from '../naming/business-day.js';
import { type LocalTime, type TimeZone, timeZone } from '../time-zone.js';
import {
  type BandwidthRule,
  type DailyWindow,
  type MaintenanceWindow,
  type Weekday,
  weekdays,
} from './limits.js';

/** From `start` on, before `end`. */
interface Span {
  readonly start: Date;
  readonly end: Date;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const DAY_MS = DAY_MINUTES * MINUTE_MS;

/** Windows that follow one another without a gap are one, up to so many: whole days, for instance, never end. */
const MOST_IN_A_ROW = 14;

/**
 * The end of the maintenance that is under way at that instant, of all windows that overlap or follow at once;
 * undefined if there is none. Where clocks are put forward or back within a window, it takes in all that it may mean.
 */
export function maintenanceEnd(windows: readonly MaintenanceWindow[], at: Date): Date | undefined {
  let end: Date | undefined;
  for (let i = 0; i < MOST_IN_A_ROW; i++) {
    const next = latestEnd(windows, end ?? at);
    if (next === undefined) break;
    end = next;
  }
  return end;
}

function latestEnd(windows: readonly MaintenanceWindow[], at: Date): Date | undefined {
  const ends = windows.flatMap((window) => spanAt(window, at)?.end.getTime() ?? []);
  return ends.length === 0 ? undefined : new Date(Math.max(...ends));
}

/** Bytes per second by the first rule whose time it is; undefined if none says anything. */
export function bandwidthAt(rules: readonly BandwidthRule[], at: Date): number | undefined {
  return rules.find((rule) => holds(rule, at))?.bytesPerSecond;
}

function holds({ from = '00:00', to = '24:00', days, zone }: BandwidthRule, at: Date): boolean {
  return zone === undefined || spanAt({ from, to, days, zone }, at) !== undefined;
}

function spanAt(window: MaintenanceWindow, at: Date): Span | undefined {
  const spans = 'startsAt' in window ? [datedSpan(window)] : dailySpans(window, at);
  return spans.find(({ start, end }) => start <= at && at < end);
}

function datedSpan({ startsAt, endsAt }: { readonly startsAt: string; readonly endsAt: string }): Span {
  return { start: new Date(startsAt), end: new Date(endsAt) };
}

/** Those that may have begun and not ended by then: tomorrow's as well, where clocks are put back over midnight. */
function dailySpans({ from, to, days, zone: name }: DailyWindow, at: Date): Span[] {
  const zone = timeZone(name);
  const [begin, until] = [minutesOf(from), minutesOf(to)];
  const end = until > begin ? until : until + DAY_MINUTES;
  const today = Math.floor(zone.toLocal(at.getTime()) / DAY_MS);
  const shown = (day: EpochDay, minutes: number) => day * DAY_MS + minutes * MINUTE_MS;
  return [today - 1, today, today + 1]
    .filter((day) => days === undefined || days.includes(weekdayOf(day)))
    .map((day) => ({
      start: new Date(zone.toInstant(shown(day, begin))),
      end: new Date(lastInstant(zone, shown(day, end))),
    }));
}

/** The second of two instants at which the clocks show `local`, where they are put back over it. */
function lastInstant(zone: TimeZone, local: LocalTime): number {
  const first = zone.toInstant(local);
  const shown = zone.spans(first, first + DAY_MS).flatMap(({ from, until, offsetMs }) => {
    const at = local - offsetMs;
    return from <= at && at < until ? [at] : [];
  });
  return shown.at(-1) ?? first;
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}

/** 1 January 1970 was a Thursday. */
function weekdayOf(day: EpochDay): Weekday {
  return weekdays[(((day + 3) % 7) + 7) % 7] as Weekday;
}
