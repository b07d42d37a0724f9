import { breakerStates, type FailureCode, failureCodes, weekdays } from '@waybill/domain';
import { z } from 'zod';
import { count, time } from './fields.js';

const runsOrConnections = z.int().min(1).max(1_000);

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time such as 08:00');
const clockEnd = z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'a time such as 18:00, up to 24:00');
const zone = z.string().min(1).max(64).meta({ description: 'IANA time zone.', example: 'Europe/Berlin' });
const days = z
  .array(z.enum(weekdays))
  .min(1)
  .max(weekdays.length)
  .meta({ description: 'Days on which it begins; every day if left out.', example: ['sat', 'sun'] });
const instant = z.iso.datetime({
  offset: true,
  error: 'write a time with offset or Z, such as 2026-03-01T06:00:00Z',
});

const bandwidthRule = z
  .strictObject({
    bytesPerSecond: z
      .int()
      .min(1_024)
      .meta({ description: 'Of both directions and all runs together.', example: 1_048_576 }),
    from: clock.optional(),
    to: clockEnd.optional(),
    days: days.optional(),
    zone: zone.optional(),
  })
  .meta({
    id: 'BandwidthRule',
    description: 'How fast; at any time, or with from and to, or days, in a zone.',
  });

const dailyWindow = z.strictObject({ from: clock, to: clockEnd, days: days.optional(), zone }).meta({
  id: 'DailyWindow',
  description: 'A time of day; one that ends before it begins goes over midnight.',
});
const datedWindow = z
  .strictObject({ startsAt: instant, endsAt: instant })
  .meta({ id: 'DatedWindow', description: 'A time that comes once.' });

/** As asked for and as shown. */
export const limits = z
  .strictObject({
    maxRuns: runsOrConnections.optional().meta({ description: 'Runs executed at once.' }),
    maxConnections: runsOrConnections
      .optional()
      .meta({ description: 'Connections that runs and probes have open at once; of an SFTP account.' }),
    bandwidth: z
      .array(bandwidthRule)
      .max(50)
      .optional()
      .meta({ description: 'The first rule whose time it is counts; where none holds, nothing is limited.' }),
    maintenance: z
      .array(z.union([dailyWindow, datedWindow]))
      .max(50)
      .optional()
      .meta({ description: 'When no run is executed; running ones are handed back.' }),
  })
  .meta({
    id: 'EndpointLimits',
    description: 'What all workers together may do with an endpoint; docs/limits.md explains each.',
    example: { maxRuns: 2, bandwidth: [{ bytesPerSecond: 1_048_576 }] },
  });

export const breaker = z
  .strictObject({
    state: z.enum(breakerStates).meta({
      description:
        '`closed`: runs go there. `untried`: new credential or settings, which one run at a time tries. `open`: runs wait; ' +
        'once `until` is over, one tries.',
    }),
    failures: count.meta({ description: 'Runs in a row that did not reach it.' }),
    since: time,
    until: time.nullable().meta({
      description: 'Null with `open`: until credential or settings change, a probe passes, or it is resumed.',
    }),
    failure: z
      .strictObject({ code: z.enum(failureCodes as [FailureCode, ...FailureCode[]]), message: z.string() })
      .nullable()
      .meta({ id: 'BreakerFailure', description: 'Of the last run that did not reach it.' }),
  })
  .meta({ id: 'Breaker', description: 'What is remembered of runs that did not reach an endpoint.' });
export type Breaker = z.output<typeof breaker>;
