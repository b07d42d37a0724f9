import { dateOf, type EpochDay, epochDay, isoDate } from './naming/business-day.js';
import type { Holiday } from './schedule.js';

/** Why an iCalendar text is not taken; the message names the line. */
export class ICalendarRefused extends Error {
  override readonly name = 'ICalendarRefused';
}

interface Line {
  readonly number: number;
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly value: string;
}

/** Properties of an event that would change on which days it is, and that are not read. */
const NOT_READ = ['RDATE', 'EXDATE', 'EXRULE', 'DURATION', 'RECURRENCE-ID'];
const LONGEST_DAYS = 366;
const MOST_DAYS = 10_000;

/**
 * The days of all events of an iCalendar text (RFC 5545), one holiday a day. Events last whole days (`VALUE=DATE`), and may
 * come back each year. What can't be read exactly is refused, not guessed.
 *
 * @param lastYear one that comes back is read up to the end of that year
 * @throws ICalendarRefused
 */
export function readHolidays(text: string, lastYear: number): Holiday[] {
  const titles = new Map<string, Set<string>>();
  let days = 0;
  for (const event of eventsOf(linesOf(text)))
    for (const day of daysOf(event, lastYear)) {
      if (++days > MOST_DAYS) throw refused(event[0], `there are more than ${MOST_DAYS} days`);
      const date = isoDate(day);
      titles.set(date, (titles.get(date) ?? new Set()).add(titleOf(event)));
    }
  return [...titles]
    .map(([date, all]) => ({ date, title: [...all].filter((title) => title !== '').join(', ') }))
    .sort((a, b) => (a.date < b.date ? -1 : 1));
}

type Event = readonly Line[];

/** The lines of each event that was not called off. */
function eventsOf(lines: readonly Line[]): Event[] {
  const events: Event[] = [];
  const open: string[] = [];
  let event: Line[] = [];
  for (const line of lines) {
    if (line.name === 'BEGIN') {
      open.push(line.value.toUpperCase());
      if (open[0] !== 'VCALENDAR') throw refused(line, 'it does not begin with BEGIN:VCALENDAR');
      if (open.length === 2) event = [line];
    } else if (line.name === 'END') {
      const ended = open.pop();
      if (ended !== line.value.toUpperCase()) throw refused(line, `END:${line.value} has no beginning`);
      if (ended === 'VEVENT' && !isCancelled(event)) events.push(event);
    } else if (open.length === 0) throw refused(line, 'it does not begin with BEGIN:VCALENDAR');
    else if (open.length === 2 && open[1] === 'VEVENT') event.push(line);
  }
  const last = lines.at(-1);
  if (!last) throw new ICalendarRefused('the text is empty');
  if (open.length > 0) throw refused(last, `END:${open.at(-1)} is missing: the text is cut short`);
  return events;
}

function isCancelled(event: Event): boolean {
  return event.some(({ name, value }) => name === 'STATUS' && value.toUpperCase() === 'CANCELLED');
}

function daysOf(event: Event, lastYear: number): EpochDay[] {
  for (const line of event)
    if (NOT_READ.includes(line.name))
      throw refused(line, `${line.name} is not read; list the days as events of their own`);
  const [begin] = event;
  const start = only(event, 'DTSTART');
  if (!start) throw refused(begin, 'the event has no DTSTART');
  const first = dayOf(start);
  const end = only(event, 'DTEND');
  const length = end ? dayOf(end) - first : 1;
  if (end && (length < 1 || length > LONGEST_DAYS))
    throw refused(
      end,
      `DTEND has to be 1 to ${LONGEST_DAYS} days after DTSTART: it is the first day after the event`,
    );
  const rule = only(event, 'RRULE');
  const starts = rule ? yearly(rule, first, lastYear) : [first];
  return starts.flatMap((day) => Array.from({ length }, (_, i) => day + i));
}

/** Once a year on the same date; 29 February in leap years alone. */
function yearly(rule: Line, first: EpochDay, lastYear: number): EpochDay[] {
  const parts = new Map(rule.value.split(';').map((part) => splitAt(part, '=')));
  const { year, month, day } = dateOf(first);
  const known = { FREQ: 'YEARLY', BYMONTH: `${month}`, BYMONTHDAY: `${day}`, WKST: parts.get('WKST') };
  for (const [name, value] of parts) {
    if (['UNTIL', 'COUNT', 'INTERVAL'].includes(name)) continue;
    if (known[name as keyof typeof known] !== value.toUpperCase())
      throw refused(
        rule,
        `${name}=${value} is not read; only days that come back each year on the same date are`,
      );
  }
  const interval = wholeNumber(rule, parts.get('INTERVAL') ?? '1');
  const count = wholeNumber(rule, parts.get('COUNT') ?? '9999');
  const until = parts.get('UNTIL');
  const lastDay = Math.min(
    epochDay(lastYear, 12, 31),
    until === undefined ? Number.POSITIVE_INFINITY : dateIn(rule, until.slice(0, 8)),
  );
  const starts: EpochDay[] = [];
  for (let y = year; y <= dateOf(lastDay).year && starts.length < count; y += interval) {
    const start = epochDay(y, month, day);
    if (dateOf(start).day === day && start <= lastDay) starts.push(start);
  }
  return starts;
}

function wholeNumber(line: Line, text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw refused(line, `"${text}" is not a number from 1 to 9999`);
  return Number(text);
}

function dayOf(line: Line): EpochDay {
  if (line.parameters.get('VALUE')?.toUpperCase() !== 'DATE')
    throw refused(line, `${line.name} is not a whole day; write ${line.name};VALUE=DATE:20261225`);
  return dateIn(line, line.value);
}

function dateIn(line: Line, text: string): EpochDay {
  const [, year = 0, month = 0, day = 0] = (/^(\d{4})(\d\d)(\d\d)$/.exec(text) ?? []).map(Number);
  const read = epochDay(year, month, day);
  const found = dateOf(read);
  if (year < 1970 || found.month !== month || found.day !== day)
    throw refused(line, `"${text}" is not a date from 1970 on such as 20261225`);
  return read;
}

/** Characters that are escaped stand for themselves, but for the end of a line. */
function titleOf(event: Event): string {
  const text = only(event, 'SUMMARY')?.value ?? '';
  return text
    .replace(/\\([nN\\;,])/g, (_, char: string) => (char.toLowerCase() === 'n' ? ' ' : char))
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, 200);
}

function only(event: Event, name: string): Line | undefined {
  const [first, second] = event.filter((line) => line.name === name);
  if (second) throw refused(second, `the event has ${name} twice`);
  return first;
}

/** A line that begins with a blank continues the one before. */
function linesOf(text: string): Line[] {
  const lines: { number: number; text: string }[] = [];
  for (const [i, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const before = lines.at(-1);
    if (/^[ \t]/.test(line) && before) before.text += line.slice(1);
    else if (line !== '') lines.push({ number: i + 1, text: line });
  }
  return lines.map(readLine);
}

const CONTENT_LINE =
  /^([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(.*)$/;

function readLine({ number, text }: { number: number; text: string }): Line {
  const match = CONTENT_LINE.exec(text);
  if (!match)
    throw new ICalendarRefused(`line ${number}: "${text.slice(0, 80)}" is no line of an iCalendar text`);
  const [, name = '', parameters = '', value = ''] = match;
  const pairs = [...parameters.matchAll(/;([A-Za-z0-9-]+)=("[^"]*"|[^;]*)/g)];
  return {
    number,
    name: name.toUpperCase(),
    parameters: new Map(
      pairs.map(([, key = '', given = '']) => [key.toUpperCase(), given.replaceAll('"', '')]),
    ),
    value,
  };
}

function splitAt(text: string, separator: string): [string, string] {
  const [name = '', ...rest] = text.split(separator);
  return [name.toUpperCase(), rest.join(separator)];
}

function refused(line: Line | undefined, why: string): ICalendarRefused {
  return new ICalendarRefused(`line ${line?.number ?? 1}: ${why}`);
}
