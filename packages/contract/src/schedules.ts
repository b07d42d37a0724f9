import { calendarRules, catchUpRules, overlapRules } from '@waybill/domain';
import { z } from 'zod';
import { id, name, page, reference, time, timeAsked } from './fields.js';
import { run } from './runs.js';

const cron = z.string().min(1).max(200).meta({
  description: 'Five crontab fields: minute, hour, day of month, month, day of week.',
  example: '0 6 * * 1-5',
});
const timeZone = z.string().min(1).max(64).meta({ description: 'IANA name.', example: 'Europe/Berlin' });
const rule = z.enum(calendarRules).meta({
  description:
    'What becomes of a due time: left out on a day that is no business day (`only-business-days`) or not listed as a ' +
    'holiday (`only-holidays`), or moved to a business day at the same local time.',
});
const calendar = z.strictObject({ id: reference, rule });
const overlap = z
  .enum(overlapRules, {
    error: ({ input }) =>
      input === 'parallel'
        ? 'runs of one transfer are never executed at the same time: two that list the same files would move them twice; ' +
          'make a transfer for each directory or pattern instead, those do run in parallel'
        : undefined,
  })
  .meta({
    description:
      'What happens with an occurrence that falls due while a run of the transfer is queued or running: its run waits for ' +
      'the others (`queue`), or it is skipped.',
  });
const jitterSeconds = z.int().min(0).max(43_200).meta({
  description:
    'Runs begin up to so much later: a time that is drawn from schedule and due time, the same whoever asks.',
});
const catchUp = z.enum(catchUpRules).meta({
  description: 'What happens with occurrences that fell due while no scheduler ran.',
});
const catchUpWithinMinutes = z.int().min(1).max(527_040).meta({
  description: 'Occurrences that were missed by more are skipped, whatever the rule.',
});
const pausedDescription = 'Occurrences that fall due before are skipped.';

export const schedule = z
  .strictObject({
    id,
    transferId: id,
    transferName: z.string(),
    name,
    cron,
    timeZone,
    calendar: z.strictObject({ id, rule }).nullable(),
    calendarName: z.string().nullable(),
    overlap,
    jitterSeconds,
    catchUp,
    catchUpWithinMinutes: catchUpWithinMinutes.nullable(),
    pausedUntil: time.nullable().meta({ description: pausedDescription }),
    enabled: z.boolean(),
    nextDueAt: time.nullable().meta({ description: 'Null while disabled. It may be one that is skipped.' }),
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
    calendar: calendar.nullable().default(null),
    overlap: overlap.default('queue'),
    jitterSeconds: jitterSeconds.default(0),
    catchUp: catchUp.default('latest'),
    catchUpWithinMinutes: catchUpWithinMinutes.nullable().default(null),
    pausedUntil: timeAsked.nullable().default(null),
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
    calendar: calendar.nullable().optional(),
    overlap: overlap.optional(),
    jitterSeconds: jitterSeconds.optional(),
    catchUp: catchUp.optional(),
    catchUpWithinMinutes: catchUpWithinMinutes.nullable().optional(),
    pausedUntil: timeAsked.nullable().optional(),
    enabled: z.boolean().optional(),
  })
  .meta({ id: 'UpdateSchedule', description: 'Fields that are left out stay.', example: { enabled: false } });

const count = z.coerce
  .number()
  .int()
  .min(1)
  .max(100)
  .default(10)
  .meta({ description: 'How many, skipped ones included: 1 to 100.' });
const from = timeAsked
  .refine((at) => at.getUTCFullYear() >= 1970 && at.getUTCFullYear() < 9000, 'write a time from 1970 on')
  .optional()
  .meta({ description: 'Those after this instant. Default: now.' });

export const previewQuery = z.strictObject({ count, from });

export const previewRule = z
  .strictObject({ cron, timeZone: timeZone.default('UTC'), calendar: calendar.optional(), count, from })
  .meta({
    id: 'PreviewRule',
    example: { cron: '0 6 * * 1-5', timeZone: 'Europe/Berlin', count: 3 },
  });

export const schedulePreview = z
  .strictObject({
    timeZone,
    occurrences: z.array(
      z.strictObject({
        dueAt: time,
        state: z.enum(['planned', 'skipped']),
        reason: z.string().meta({ description: 'Why it is skipped, or from which days it was moved.' }),
        notBefore: time.nullable().meta({ description: 'When its run begins, where there is a jitter.' }),
      }),
    ),
  })
  .meta({
    id: 'SchedulePreview',
    description: 'The next occurrences, as the rule has them: of a disabled schedule too.',
  });
export type SchedulePreview = z.output<typeof schedulePreview>;

export const runForDate = z
  .strictObject({
    for: z.iso.date({ error: 'write a date such as 2026-11-20' }).meta({
      description: "A past date in the schedule's time zone: all its due times run.",
      example: '2026-11-20',
    }),
    again: z
      .boolean()
      .default(false)
      .meta({ description: 'Makes another run of a due time that has one already.' }),
  })
  .meta({ id: 'RunForDate', example: { for: '2026-11-20' } });

export const runList = z.strictObject({ items: z.array(run) }).meta({ id: 'RunList' });

export const occurrence = z
  .strictObject({
    id,
    scheduleId: id,
    dueAt: time,
    state: z.enum(['fired', 'skipped']),
    reason: z.string().meta({
      description: 'Why it was skipped, that it fired late, or from which days it was moved.',
    }),
    runId: id.nullable().meta({ description: 'The newest, if it was run again.' }),
    createdAt: time,
  })
  .meta({ id: 'Occurrence', description: 'One due time of a schedule.' });
export type Occurrence = z.output<typeof occurrence>;

export const occurrencePage = page(occurrence, 'OccurrencePage');
