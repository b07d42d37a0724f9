import { z } from 'zod';
import { id, name, page, time } from './fields.js';

const date = z.iso
  .date({ error: 'write a date such as 2026-12-25' })
  .refine((text) => text >= '1970-01-01', 'write a date from 1970 on')
  .meta({ example: '2026-12-25' });

const weekend = z
  .array(z.int().min(1).max(7))
  .max(6)
  .meta({ description: 'Days of the week that nobody works on: 1 is Monday, 7 is Sunday.', example: [6, 7] });

const holiday = z.strictObject({ date, title: z.string().max(200) }).meta({ id: 'Holiday' });
const holidays = z
  .array(holiday)
  .max(10_000)
  .meta({ description: 'Each date once; shown in order of the dates.' });

export const calendar = z
  .strictObject({ id, name, weekend, holidays, createdAt: time, updatedAt: time })
  .meta({ id: 'Calendar', description: 'Which days nobody works on.' });
export type Calendar = z.output<typeof calendar>;

export const calendarPage = page(calendar, 'CalendarPage');

export const createCalendar = z
  .strictObject({ name, weekend: weekend.default([6, 7]), holidays: holidays.default([]) })
  .meta({
    id: 'CreateCalendar',
    example: { name: 'bank-de', holidays: [{ date: '2026-12-25', title: 'Christmas Day' }] },
  });

export const updateCalendar = z
  .strictObject({ name: name.optional(), weekend: weekend.optional(), holidays: holidays.optional() })
  .meta({
    id: 'UpdateCalendar',
    description: 'Fields that are left out stay.',
    example: { weekend: [5, 6] },
  });

export const importHolidays = z
  .strictObject({
    text: z
      .string()
      .min(1)
      .max(1_000_000)
      .meta({
        description:
          'An iCalendar text (RFC 5545). The holidays become the days of its events: whole days, once or each year on the ' +
          'same date, which is read for the next ten years. Anything else in it about dates is refused.',
      }),
  })
  .meta({
    id: 'ImportHolidays',
    example: {
      text:
        'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY\r\n' +
        'SUMMARY:Christmas Day\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n',
    },
  });
