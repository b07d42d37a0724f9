import { addBusinessDays, addMonths, type BusinessCalendar, dateOf, epochDay } from './business-day.js';

const FIELD = /yyyy|yy|MM|DDD|dd|HH|mm|ss|SSS/y;

export const shiftUnits = ['hour', 'day', 'week', 'month', 'business day'] as const;
export type ShiftUnit = (typeof shiftUnits)[number];

export interface Shift {
  readonly count: number;
  readonly unit: ShiftUnit;
}

/** A date as a template asks for it. */
export interface DateFormat {
  /** Fields such as `yyyy`, and the text between them. */
  readonly pieces: readonly string[];
  readonly zone: string;
  readonly shifts: readonly Shift[];
}

/** The pieces of a format; a number is the offset of the first character that is no part of one. */
export function datePieces(format: string): readonly string[] | number {
  const pieces: string[] = [];
  for (let at = 0; at < format.length; ) {
    FIELD.lastIndex = at;
    const piece = FIELD.exec(format)?.[0] ?? /[-_. ]/.exec(format[at] ?? '')?.[0];
    if (piece === undefined) return at;
    pieces.push(piece);
    at += piece.length;
  }
  return pieces;
}

/**
 * Writes an instant as a date of the zone. Hours are added to the instant; days, weeks, months and business days to
 * the date in the zone, in the order in which they are written, so that no change of the clocks moves a date.
 */
export function dateWriter({ pieces, zone, shifts }: DateFormat) {
  const format = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
    ...{ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  const hours = shifts.reduce((sum, { unit, count }) => sum + (unit === 'hour' ? count : 0), 0);
  return (instant: Date, calendar: BusinessCalendar): string => {
    const at = new Date(instant.getTime() + hours * 3_600_000);
    const part = partsOf(format, at);
    const day = shifts.reduce(
      (from, shift) => shifted(from, shift, calendar),
      epochDay(part('year'), part('month'), part('day')),
    );
    const { year, month, day: dayOfMonth } = dateOf(day);
    const fields: Record<string, string> = {
      yyyy: pad(year, 4),
      yy: pad(year % 100, 2),
      MM: pad(month, 2),
      dd: pad(dayOfMonth, 2),
      DDD: pad(day - epochDay(year, 1, 1) + 1, 3),
      HH: pad(part('hour'), 2),
      mm: pad(part('minute'), 2),
      ss: pad(part('second'), 2),
      SSS: pad(at.getUTCMilliseconds(), 3),
    };
    return pieces.map((piece) => fields[piece] ?? piece).join('');
  };
}

function partsOf(format: Intl.DateTimeFormat, at: Date): (type: Intl.DateTimeFormatPartTypes) => number {
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return (type) => parts.get(type) ?? 0;
}

function shifted(day: number, { count, unit }: Shift, calendar: BusinessCalendar): number {
  if (unit === 'hour') return day;
  if (unit === 'month') return addMonths(day, count);
  if (unit === 'business day') return addBusinessDays(day, count, calendar);
  return day + count * (unit === 'week' ? 7 : 1);
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
