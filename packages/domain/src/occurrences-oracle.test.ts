import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { occurrences, occurrencesOn } from './occurrences.js';

// The oracle looks at a clock on the wall, minute after minute, as a person with a crontab line in the hand would. It knows
// nothing of offsets, and shares no code with what it judges: clocks by formatToParts, lines as sets of numbers.

/** What the clocks show, a minute after the other; `number` counts the minutes of the calendar. */
interface Shown {
  readonly at: number;
  readonly number: number;
}

interface Line {
  readonly text: string;
  readonly hours: number;
  names(moment: Moment): boolean;
}

interface Moment {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

/** Some days around a change of the clocks, a leap day, or the end of a year. */
const windows: readonly (readonly [zone: string, from: string, days: number])[] = [
  ['Europe/Berlin', '2026-03-27T12:00Z', 4],
  ['Europe/Berlin', '2026-10-23T12:00Z', 4],
  ['Europe/Berlin', '2027-12-30T00:00Z', 4],
  ['America/New_York', '2026-03-06T12:00Z', 4],
  ['America/New_York', '2026-10-30T12:00Z', 4],
  ['Australia/Lord_Howe', '2026-04-03T00:00Z', 4],
  ['Australia/Lord_Howe', '2026-10-02T00:00Z', 4],
  ['America/Sao_Paulo', '2018-02-16T00:00Z', 4],
  ['America/Sao_Paulo', '2018-11-02T12:00Z', 4],
  ['Asia/Kathmandu', '1985-12-30T00:00Z', 4],
  ['Asia/Kathmandu', '2028-02-27T00:00Z', 4],
  ['Africa/Casablanca', '2026-02-13T12:00Z', 4],
  ['Africa/Casablanca', '2026-03-20T12:00Z', 4],
  ['Pacific/Apia', '2011-12-28T00:00Z', 5],
  ['America/St_Johns', '2006-04-01T00:00Z', 4],
  ['America/St_Johns', '2006-10-28T00:00Z', 4],
  ['Africa/Cairo', '2014-05-14T00:00Z', 4],
  ['Antarctica/Troll', '2026-03-28T00:00Z', 3],
  ['UTC', '2028-02-27T00:00Z', 4],
  ['UTC', '2100-02-27T00:00Z', 4],
  ['UTC', '2027-12-30T00:00Z', 4],
];

describe.each(windows)('in %s from %s', (timeZone, from, days) => {
  const start = Date.parse(from);
  // The clock is watched from a day before, to know what it has shown already.
  const watched = watch(timeZone, start - 86_400_000, (days + 1) * 1440);
  const until = start + days * 86_400_000;

  it('any line falls due when the clock on the wall says so, from wherever one looks', () => {
    fc.assert(
      fc.property(anyLine(), fc.integer({ min: 0, max: days * 1440 }), (line, skip) => {
        const after = start + skip * 60_000;
        const expected = dueByTheWall(line, watched).filter((at) => at > after && at <= until);
        const found = occurrences({ cron: line.text, timeZone }, new Date(after), new Date(until));
        expect(found.map(({ dueAt }) => dueAt.toISOString())).toEqual(
          expected.map((at) => new Date(at).toISOString()),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('the due times of each date are those that the clock shows on it', () => {
    fc.assert(
      fc.property(anyLine(), fc.integer({ min: 1, max: days - 2 }), (line, day) => {
        const date = new Date(start + day * 86_400_000).toISOString().slice(0, 10);
        const shown = new Map(watched.map(({ at, number }) => [at, number]));
        const expected = dueByTheWall(line, watched).filter(
          (at) => new Date((shown.get(at) ?? 0) * 60_000).toISOString().slice(0, 10) === date,
        );
        const found = occurrencesOn({ cron: line.text, timeZone }, date);
        expect(found.map(({ dueAt }) => dueAt.getTime())).toEqual(expected);
      }),
      { numRuns: 15 },
    );
  });
});

function watch(timeZone: string, from: number, minutes: number): Shown[] {
  const clock = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' },
    hourCycle: 'h23',
  });
  return Array.from({ length: minutes + 1 }, (_, i) => {
    const at = from + i * 60_000;
    const parts = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day, hour, minute } = parts;
    return { at, number: Date.UTC(year, month - 1, day, hour, minute) / 60_000 };
  });
}

/**
 * A line of every hour is due whenever the clock shows its minute. Any other is due when the clock first shows its minute
 * or goes past it; what the clock has been past, it is not due for again.
 */
function dueByTheWall(line: Line, watched: readonly Shown[]): number[] {
  let past = watched[0]?.number ?? 0;
  return watched.slice(1).flatMap(({ at, number }) => {
    const named =
      line.hours === 24
        ? line.names(momentOf(number))
        : Array.from({ length: Math.max(0, number - past) }, (_, i) => momentOf(past + 1 + i)).some(
            line.names,
          );
    past = Math.max(past, number);
    return named ? [at] : [];
  });
}

function momentOf(number: number): Moment {
  const date = new Date(number * 60_000);
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  };
}

interface Field {
  readonly text: string;
  readonly numbers: ReadonlySet<number>;
}

function anyLine(): fc.Arbitrary<Line> {
  const fields = [
    anyField(0, 59),
    fc.oneof({ weight: 2, arbitrary: anyField(0, 23) }, { weight: 1, arbitrary: smallHours() }),
    fc.oneof({ weight: 2, arbitrary: star(1, 31) }, { weight: 1, arbitrary: anyField(1, 31) }),
    fc.oneof({ weight: 4, arbitrary: star(1, 12) }, { weight: 1, arbitrary: anyField(1, 12) }),
    fc.oneof({ weight: 2, arbitrary: star(0, 6) }, { weight: 1, arbitrary: anyField(0, 7) }),
  ];
  return fc
    .tuple(...(fields as [fc.Arbitrary<Field>]))
    .map((all) => lineOf(all as readonly Field[]))
    .filter(({ text }) => !neverDue(text));
}

function lineOf(fields: readonly Field[]): Line {
  const [minutes, hours, days, months, weekdays] = fields as [Field, Field, Field, Field, Field];
  const bothRestricted = !days.text.includes('*') && !weekdays.text.includes('*');
  return {
    text: fields.map(({ text }) => text).join(' '),
    hours: hours.numbers.size,
    names({ minute, hour, day, month, weekday }) {
      if (!minutes.numbers.has(minute) || !hours.numbers.has(hour) || !months.numbers.has(month))
        return false;
      const onWeekday = weekdays.numbers.has(weekday) || (weekday === 0 && weekdays.numbers.has(7));
      return bothRestricted ? days.numbers.has(day) || onWeekday : days.numbers.has(day) && onWeekday;
    },
  };
}

/** Refused, and tested elsewhere. */
function neverDue(text: string): boolean {
  const [, , day = '', month, weekday = ''] = text.split(' ');
  return month !== '*' && !day.includes('*') && weekday.includes('*') && Number.parseInt(day, 10) > 29;
}

function anyField(min: number, max: number): fc.Arbitrary<Field> {
  const number = fc.integer({ min, max });
  const range = fc.tuple(number, number).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const single = number.map((n) => ({ text: `${n}`, numbers: new Set([n]) }));
  const ranged = range.map(([a, b]) => ({ text: `${a}-${b}`, numbers: every(a, b, 1) }));
  const stepped = fc
    .tuple(range, fc.integer({ min: 1, max: 20 }))
    .filter(([[a, b], step]) => step <= b - a)
    .map(([[a, b], step]) => ({ text: `${a}-${b}/${step}`, numbers: every(a, b, step) }));
  const last = max === 7 ? 6 : max;
  const starStepped = fc
    .integer({ min: 1, max: last - min })
    .map((step) => ({ text: `*/${step}`, numbers: every(min, last, step) }));
  const listed = fc.array(fc.oneof(single, ranged, stepped), { minLength: 2, maxLength: 3 }).map((parts) => ({
    text: parts.map(({ text }) => text).join(','),
    numbers: new Set(parts.flatMap(({ numbers }) => [...numbers])),
  }));
  return fc.oneof(star(min, last), single, ranged, stepped, starStepped, listed);
}

/** Where clocks are set. */
function smallHours(): fc.Arbitrary<Field> {
  return fc.constantFrom(0, 1, 2, 3, 23).map((hour) => ({ text: `${hour}`, numbers: new Set([hour]) }));
}

function star(min: number, max: number): fc.Arbitrary<Field> {
  return fc.constant({ text: '*', numbers: every(min, max, 1) });
}

function every(first: number, last: number, step: number): Set<number> {
  const numbers = new Set<number>();
  for (let n = first; n <= last; n += step) numbers.add(n);
  return numbers;
}
