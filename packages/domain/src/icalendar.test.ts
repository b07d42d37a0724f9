import { describe, expect, it } from 'vitest';
import { ICalendarRefused, readHolidays } from './icalendar.js';

const calendar = (...lines: string[]) =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//x//y//EN', ...lines, 'END:VCALENDAR', ''].join('\r\n');
const event = (...lines: string[]) => calendar('BEGIN:VEVENT', 'UID:1', ...lines, 'END:VEVENT');
const dates = (text: string, lastYear = 2030) => readHolidays(text, lastYear).map(({ date }) => date);

describe('an iCalendar text', () => {
  it('gives the days of its events, by date, with their titles', () => {
    const text = calendar(
      'BEGIN:VTIMEZONE',
      'TZID:Europe/Berlin',
      'BEGIN:STANDARD',
      'DTSTART:19701025T030000',
      'RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU',
      'END:STANDARD',
      'END:VTIMEZONE',
      'BEGIN:VEVENT',
      'DTSTART;VALUE=DATE:20261225',
      'DTEND;VALUE=DATE:20261227',
      'SUMMARY;LANGUAGE=en:Christmas\\, both da',
      ' ys',
      'BEGIN:VALARM',
      'TRIGGER:-PT15M',
      'DURATION:PT15M',
      'END:VALARM',
      'END:VEVENT',
      'BEGIN:VEVENT',
      'DTSTART;VALUE=DATE:20261003',
      'SUMMARY:German Unity',
      'DESCRIPTION;ALTREP="http://example.com/a:b;c":text',
      'END:VEVENT',
      'BEGIN:VEVENT',
      'DTSTART;VALUE=DATE:20261004',
      'STATUS:CANCELLED',
      'END:VEVENT',
    );
    expect(readHolidays(text, 2030)).toEqual([
      { date: '2026-10-03', title: 'German Unity' },
      { date: '2026-12-25', title: 'Christmas, both days' },
      { date: '2026-12-26', title: 'Christmas, both days' },
    ]);
  });

  it('gives a day that comes back each year up to the last year, its end, or its count', () => {
    const yearly = (rule: string, start = '20261225') =>
      event(`DTSTART;VALUE=DATE:${start}`, `RRULE:${rule}`);
    expect(dates(yearly('FREQ=YEARLY'), 2028)).toEqual(['2026-12-25', '2027-12-25', '2028-12-25']);
    expect(dates(yearly('FREQ=YEARLY;UNTIL=20271224'))).toEqual(['2026-12-25']);
    expect(dates(yearly('FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25;COUNT=2'))).toEqual([
      '2026-12-25',
      '2027-12-25',
    ]);
    expect(dates(yearly('FREQ=YEARLY;INTERVAL=2'), 2030)).toEqual(['2026-12-25', '2028-12-25', '2030-12-25']);
    expect(dates(yearly('FREQ=YEARLY', '20240229'), 2033)).toEqual([
      '2024-02-29',
      '2028-02-29',
      '2032-02-29',
    ]);
  });

  it('joins the titles of events on the same day', () => {
    const day = (title: string) => [
      'BEGIN:VEVENT',
      'DTSTART;VALUE=DATE:20261003',
      `SUMMARY:${title}`,
      'END:VEVENT',
    ];
    expect(readHolidays(calendar(...day('a'), ...day('b'), ...day('b')), 2030)).toEqual([
      { date: '2026-10-03', title: 'a, b' },
    ]);
  });

  it.each([
    ['', 'the text is empty'],
    ['hello', 'line 1: "hello" is no line'],
    ['DTSTART;VALUE=DATE:20261225', 'line 1: it does not begin with BEGIN:VCALENDAR'],
    [calendar('BEGIN:VEVENT', 'DTSTART;VALUE=DATE:20261225'), 'line 6: END:VCALENDAR has no beginning'],
    ['BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\n', 'line 3: END:VEVENT is missing'],
    [event('SUMMARY:x'), 'line 4: the event has no DTSTART'],
    [event('DTSTART:20261225T090000Z'), 'line 6: DTSTART is not a whole day'],
    [event('DTSTART;TZID=Europe/Berlin:20261225T000000'), 'line 6: DTSTART is not a whole day'],
    [event('DTSTART;VALUE=DATE:20260230'), 'line 6: "20260230" is not a date'],
    [
      event('DTSTART;VALUE=DATE:20261225', 'DTSTART;VALUE=DATE:20261226'),
      'line 7: the event has DTSTART twice',
    ],
    [
      event('DTSTART;VALUE=DATE:20261225', 'DTEND;VALUE=DATE:20261225'),
      'line 7: DTEND has to be 1 to 366 days',
    ],
    [event('DTSTART;VALUE=DATE:20261225', 'RRULE:FREQ=MONTHLY'), 'line 7: FREQ=MONTHLY is not read'],
    [event('DTSTART;VALUE=DATE:20261126', 'RRULE:FREQ=YEARLY;BYDAY=4TH'), 'line 7: BYDAY=4TH is not read'],
    [event('DTSTART;VALUE=DATE:20261225', 'EXDATE;VALUE=DATE:20271225'), 'line 7: EXDATE is not read'],
    [event('DTSTART;VALUE=DATE:20261225', 'DURATION:P1D'), 'line 7: DURATION is not read'],
  ])('is refused with the line and the reason: %j', (text, why) => {
    expect(() => readHolidays(text, 2030)).toThrow(ICalendarRefused);
    expect(() => readHolidays(text, 2030)).toThrow(why);
  });
});
