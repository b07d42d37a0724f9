const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What a clock on the wall shows, in ms as if it were UTC. */
export type LocalTime = number;

/** A stretch of time through which the clocks of a zone keep one distance from UTC. */
export interface Span {
  /** Instants in ms; `until` is the first one that is no part of it. */
  readonly from: number;
  readonly until: number;
  /** Local time minus UTC. */
  readonly offsetMs: number;
}

export interface TimeZone {
  /** All of the time from `from` until `until`, in order. */
  spans(from: number, until: number): Span[];
  toLocal(instant: number): LocalTime;
  /** The first instant at which the clocks show `local` or, where they jump over it, a later time. */
  toInstant(local: LocalTime): number;
}

/** Clocks have been set by a whole day (Samoa, 2011), and zones are up to 14 hours from UTC. */
const REACH_MS = 39 * HOUR_MS;

const known = new Map<string, TimeZone>();

/** @throws RangeError if it is no zone of the IANA database */
export function timeZone(name: string): TimeZone {
  const zone = known.get(name) ?? findZone(name);
  known.set(name, zone);
  return zone;
}

/** Names that differ in case, or are aliases, share one. */
function findZone(name: string): TimeZone {
  const format = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
    ...{ timeZone: name, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  const canonical = format.resolvedOptions().timeZone;
  if (/^[+-]/.test(canonical)) throw new RangeError(`${name} is an offset, no time zone`);
  const zone = known.get(canonical) ?? openZone((instant) => offsetAt(format, instant));
  known.set(canonical, zone);
  return zone;
}

function openZone(offset: (instant: number) => number): TimeZone {
  const years = new Map<number, readonly Change[]>();
  const changesIn = (year: number) => {
    const found = years.get(year) ?? changesOfYear(offset, year);
    years.set(year, found);
    return found;
  };
  const spans = (from: number, until: number) => {
    const last = new Date(until).getUTCFullYear();
    const changes: Change[] = [];
    for (let year = new Date(from).getUTCFullYear(); year <= last; year++) changes.push(...changesIn(year));
    return spansOf(changes, from, until);
  };
  return {
    spans,
    toLocal: (instant) => instant + offset(instant),
    toInstant(local) {
      for (const span of spans(local - REACH_MS, local + REACH_MS))
        if (local < span.until + span.offsetMs) return Math.max(span.from, local - span.offsetMs);
      throw new RangeError(`no clock shows ${new Date(local).toISOString()}`);
    },
  };
}

/** From `at` on the offset is so. */
interface Change {
  readonly at: number;
  readonly offsetMs: number;
}

/** The offset at the beginning of the year, and its changes within. No zone changes twice within one day. */
function changesOfYear(offset: (instant: number) => number, year: number): Change[] {
  const end = startOfYear(year + 1);
  const changes: Change[] = [{ at: startOfYear(year), offsetMs: offset(startOfYear(year)) }];
  for (let at = startOfYear(year); at < end; at += DAY_MS) {
    const before = changes.at(-1)?.offsetMs;
    const next = Math.min(at + DAY_MS, end - 1000);
    if (offset(next) === before) continue;
    const changedAt = firstChange(offset, at, next);
    changes.push({ at: changedAt, offsetMs: offset(changedAt) });
  }
  return changes;
}

/** The first second after `before` whose offset is that of `after`. */
function firstChange(offset: (instant: number) => number, before: number, after: number): number {
  const changed = offset(after);
  let [low, high] = [before / 1000, after / 1000];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(middle * 1000) === changed) high = middle;
    else low = middle;
  }
  return high * 1000;
}

function spansOf(changes: readonly Change[], from: number, until: number): Span[] {
  const spans: Span[] = [];
  for (const [i, { at, offsetMs }] of changes.entries()) {
    const span = { from: Math.max(at, from), until: Math.min(changes[i + 1]?.at ?? until, until), offsetMs };
    const last = spans.at(-1);
    if (span.from >= span.until) continue;
    if (last?.offsetMs === offsetMs) spans[spans.length - 1] = { ...last, until: span.until };
    else spans.push(span);
  }
  return spans;
}

function startOfYear(year: number): number {
  return Date.UTC(year, 0, 1);
}

function offsetAt(format: Intl.DateTimeFormat, instant: number): number {
  const second = Math.floor(instant / 1000) * 1000;
  const [year = 0, month = 1, ...rest] = (format.format(second).match(/\d+/g) ?? []).map(Number);
  const [day, hour, minute, seconds] = rest;
  return Date.UTC(year, month - 1, day, hour, minute, seconds) - second;
}
