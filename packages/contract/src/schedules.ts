import { catchUpRules } from '@waybill/domain';
import { z } from 'zod';
import { id, name, page, reference, time } from './fields.js';

const cron = z.string().min(1).max(200).meta({
  description: 'Five crontab fields: minute, hour, day of month, month, day of week.',
  example: '0 6 * * 1-5',
});
const timeZone = z.string().min(1).max(64).meta({ description: 'IANA name.', example: 'Europe/Berlin' });
const catchUp = z.enum(catchUpRules).meta({
  description: 'What happens with occurrences that fell due while no scheduler ran.',
});

export const schedule = z
  .strictObject({
    id,
    transferId: id,
    transferName: z.string(),
    name,
    cron,
    timeZone,
    catchUp,
    enabled: z.boolean(),
    nextDueAt: time.nullable().meta({ description: 'Null while disabled.' }),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Schedule', description: 'When a transfer runs.' });
export type Schedule = z.output<typeof schedule>;

export const schedulePage = page(schedule, 'SchedulePage');

export const createSchedule = z
  .strictObject({
    transferId: reference,
    name,
    cron,
    timeZone: timeZone.default('UTC'),
    catchUp: catchUp.default('latest'),
    enabled: z.boolean().default(true),
  })
  .meta({
    id: 'CreateSchedule',
    example: {
      transferId: 'acme-statements',
      name: 'acme-mornings',
      cron: '0 6 * * 1-5',
      timeZone: 'Europe/Berlin',
    },
  });

export const updateSchedule = z
  .strictObject({
    name: name.optional(),
    cron: cron.optional(),
    timeZone: timeZone.optional(),
    catchUp: catchUp.optional(),
    enabled: z.boolean().optional(),
  })
  .meta({ id: 'UpdateSchedule', description: 'Fields that are left out stay.', example: { enabled: false } });

export const schedulePreview = z
  .strictObject({
    scheduleId: id,
    timeZone,
    due: z.array(time).meta({ description: 'The next due times from now on, also of a disabled schedule.' }),
  })
  .meta({ id: 'SchedulePreview' });
export type SchedulePreview = z.output<typeof schedulePreview>;

export const occurrence = z
  .strictObject({
    id,
    scheduleId: id,
    dueAt: time,
    state: z.enum(['fired', 'skipped']),
    reason: z.string().meta({ description: 'Why it was skipped, or that it fired late.' }),
    runId: id.nullable(),
    createdAt: time,
  })
  .meta({ id: 'Occurrence', description: 'One due time of a schedule.' });
export type Occurrence = z.output<typeof occurrence>;

export const occurrencePage = page(occurrence, 'OccurrencePage');
