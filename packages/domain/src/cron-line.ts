import { dateOf, type EpochDay, isoWeekday } from './naming/business-day.js';

/** A crontab line as the minutes that it names, on clocks that neither jump nor go back. */
export interface CronLine {
  /** Of the day, ascending: 0 to 1439. */
  readonly minutesOfDay: readonly number[];
  /** It names every hour: it counts minutes, and means no particular time of the day. */
  readonly everyHour: boolean;
  includesDay(day: EpochDay): boolean;
}

/** Why a text is no crontab line, and what to write instead. */
export class CronRefused extends Error {
  override readonly name = 'CronRefused';
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** For the numbers from `min` on. */
  readonly names?: readonly string[];
}

const MINUTE: Field = { name: 'minute', min: 0, max: 59 };
const HOUR: Field = { name: 'hour', min: 0, max: 23 };
const DAY: Field = { name: 'day of month', min: 1, max: 31 };
const MONTH: Field = {
  ...{ name: 'month', min: 1, max: 12 },
  names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
};
const WEEKDAY: Field = {
  ...{ name: 'day of week', min: 0, max: 7 },
  names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/\?/, '"?" is not crontab; write *'],
  [/#/, '"#" (the nth weekday of a month) is not crontab; write the days out'],
  [
    /\d+W|^L?W$/i,
    '"W" (the nearest weekday) is not crontab; give the schedule a calendar that moves it to a business day',
  ],
  [/^L|\dL$/i, '"L" (the last day) is not crontab; write the days out'],
  [
    /~|\bH\b/i,
    'a random time is not crontab; write a time, and spread the runs by the jitter of the schedule',
  ],
];

/** In a leap year. */
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/**
 * Reads five crontab fields. As crontab has it, a day counts if either day field names it; if one of the two begins with
 * `*`, both have to.
 * @throws CronRefused
 */
export function parseCronLine(text: string): CronLine {
  const trimmed = text.trim();
  if (trimmed.startsWith('@')) throw new CronRefused(whyNoNickname(trimmed));
  const fields = trimmed.split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (trimmed === '' || fields.length !== 5)
    throw new CronRefused(whyNotFive(trimmed === '' ? 0 : fields.length));

  const minutes = numbersOf(minute, MINUTE);
  const hours = numbersOf(hour, HOUR);
  const days = new Set(numbersOf(day, DAY));
  const months = new Set(numbersOf(month, MONTH));
  const weekdays = new Set(numbersOf(weekday, WEEKDAY).map((number) => number || 7));
  const either = !day.startsWith('*') && !weekday.startsWith('*');
  const longest = Math.max(...[...months].map((number) => LONGEST_MONTH[number - 1] ?? 31));
  if (!either && Math.min(...days) > longest)
    throw new CronRefused(`it never falls due: no month that it names has a day ${Math.min(...days)}`);

  return {
    minutesOfDay: hours.flatMap((number) => minutes.map((past) => number * 60 + past)),
    everyHour: hours.length === 24,
    includesDay(number) {
      const date = dateOf(number);
      if (!months.has(date.month)) return false;
      const [byDate, byWeekday] = [days.has(date.day), weekdays.has(isoWeekday(number))];
      return either ? byDate || byWeekday : byDate && byWeekday;
    },
  };
}

/** Ascending, each once. */
function numbersOf(text: string, field: Field): number[] {
  const numbers = new Set(text.split(',').flatMap((part) => numbersOfPart(part, text, field)));
  return [...numbers].sort((a, b) => a - b);
}

function numbersOfPart(part: string, text: string, field: Field): number[] {
  const refuse = (why: string) => new CronRefused(`${field.name} "${text}": ${why}`);
  const foreign = FOREIGN.find(([pattern]) => pattern.test(part));
  if (foreign) throw refuse(foreign[1]);
  const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part);
  if (!match)
    throw refuse(part === '' ? 'a number is missing' : `"${part}" is no number, range, list or step`);

  const [, from, to, step] = match;
  const first = from === undefined ? field.min : numberOf(from, field, refuse);
  const last = from === undefined ? endOf(field) : numberOf(to ?? from, field, refuse);
  if (first > last)
    throw refuse(`the range ${from}-${to} runs backwards; write ${from}-${endOf(field)},${field.min}-${to}`);
  if (step === undefined) return range(first, last, 1);
  if (from !== undefined && to === undefined)
    throw refuse(`a step needs * or a range before it; write ${from}-${endOf(field)}/${step}`);
  if (Number(step) < 1 || Number(step) > last - first)
    throw refuse(`a step of ${step} leads from ${first} to no other number up to ${last}; write ${first}`);
  return range(first, last, Number(step));
}

/** `*` ends with Saturday: Sunday is 0 already. */
function endOf({ max }: Field): number {
  return max === 7 ? 6 : max;
}

function numberOf(
  word: string,
  { min, max, names = [] }: Field,
  refuse: (why: string) => CronRefused,
): number {
  const named = names.indexOf(word.toLowerCase());
  if (named >= 0) return min + named;
  if (!/^\d{1,4}$/.test(word))
    throw refuse(`"${word}" is no number${names.length > 0 ? ` and none of ${names.join(', ')}` : ''}`);
  const number = Number(word);
  if (number < min || number > max) throw refuse(`${number} is not from ${min} to ${max}`);
  return number;
}

function range(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);
}

function whyNoNickname(text: string): string {
  const fields = NICKNAMES[text.toLowerCase()];
  if (fields) return `write five fields instead of a nickname: ${fields}`;
  return 'nicknames are not taken, and nothing falls due at a reboot; write five fields, such as 0 6 * * 1-5';
}

function whyNotFive(count: number): string {
  const seconds = count > 5 ? '; crontab has no field for seconds, years or commands' : '';
  return `it has ${count} field(s)${seconds}; write five: minute, hour, day of month, month, day of week`;
}
