import { channelKinds, notificationStates, whyEventPatternRefused } from '@waybill/domain';
import { z } from 'zod';
import { id, name, page, paging, reference, time } from './fields.js';

const url = z
  .url({ protocol: /^https?$/, error: 'an address such as https://hooks.acme.example/waybill' })
  .max(2_000)
  .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'an address without a user name')
  .meta({ example: 'https://hooks.acme.example/waybill' });
const allowPrivateAddresses = z.boolean().meta({
  description: 'Sends to addresses of private networks and of this machine too; refused without it.',
});
const to = z
  .array(z.email().max(254))
  .min(1)
  .max(50)
  .meta({ example: ['operations@acme.example'] });
const foldSeconds = z.int().min(0).max(86_400).meta({
  description: 'What follows within so many seconds of a message is gathered into the next one.',
});
const digest = z
  .strictObject({
    at: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time such as 07:00')
      .meta({ example: '07:00' }),
    timeZone: z
      .string()
      .refine(isTimeZone, 'an IANA time zone such as Europe/Berlin')
      .meta({ example: 'Europe/Berlin' }),
  })
  .meta({ id: 'Digest', description: 'One message a day, at this time.' });

const settingsAsked = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('webhook'),
      url,
      allowPrivateAddresses: allowPrivateAddresses.default(false),
    })
    .meta({ id: 'WebhookSettingsAsked', description: 'Signed by the Standard Webhooks scheme.' }),
  z
    .strictObject({
      kind: z.literal('mail'),
      to,
      foldSeconds: foldSeconds.default(300),
      digest: digest.optional(),
    })
    .meta({ id: 'MailSettingsAsked' }),
]);

const settings = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: z.literal('webhook'), url: z.string(), allowPrivateAddresses })
    .meta({ id: 'WebhookSettings' }),
  z
    .strictObject({
      kind: z.literal('mail'),
      to: z.array(z.string()),
      foldSeconds,
      digest: digest.optional(),
    })
    .meta({ id: 'MailSettings' }),
]);

const events = z
  .array(
    z.string().superRefine((text, context) => {
      const why = whyEventPatternRefused(text);
      if (why !== undefined) context.addIssue({ code: 'custom', message: why });
    }),
  )
  .min(1)
  .max(50)
  .meta({
    description: 'Types of audit events; `run.*` for all of a noun, `*` for all.',
    example: ['run.failed', 'run.held', 'run.partial'],
  });

const fields = {
  id,
  name,
  kind: z.enum(channelKinds),
  settings,
  events: z.array(z.string()),
  partnerId: id.nullable().meta({ description: 'Null: of everybody.' }),
  partnerName: z.string().nullable(),
  enabled: z.boolean(),
  createdAt: time,
  updatedAt: time,
};

export const subscription = z
  .strictObject(fields)
  .meta({ id: 'Subscription', description: 'Which events of which partner are told to whom.' });
export type Subscription = z.output<typeof subscription>;

export const subscriptionPage = page(subscription, 'SubscriptionPage');

/** With the key that its messages are signed with. */
export const subscriptionMade = z
  .strictObject({
    ...fields,
    signingKey: z
      .string()
      .nullable()
      .meta({ description: 'Of a webhook, `whsec_…`: shown this once. Null for mail.' }),
  })
  .meta({ id: 'SubscriptionMade' });

export const createSubscription = z
  .strictObject({
    name,
    settings: settingsAsked,
    events,
    partnerId: reference.nullable().default(null),
    enabled: z.boolean().default(true),
  })
  .meta({
    id: 'CreateSubscription',
    example: {
      name: 'night-desk',
      settings: { kind: 'mail', to: ['operations@acme.example'] },
      events: ['run.failed', 'run.held', 'run.partial'],
    },
  });

export const updateSubscription = z
  .strictObject({
    name: name.optional(),
    settings: settingsAsked.optional(),
    events: events.optional(),
    partnerId: reference.nullable().optional(),
    enabled: z.boolean().optional(),
  })
  .meta({
    id: 'UpdateSubscription',
    description: 'Fields that are left out stay; `settings` are replaced as a whole, and keep their kind.',
    example: { enabled: false },
  });

export const notification = z
  .strictObject({
    id,
    subscriptionId: id,
    subscriptionName: z.string(),
    events: z
      .array(z.int().min(1))
      .meta({ description: '`seq` of the audit events that it tells; none for a test.' }),
    state: z.enum(notificationStates).meta({ description: 'dead: given up.' }),
    failures: z.int().nonnegative().meta({ description: 'Tries that failed.' }),
    notBefore: time.meta({ description: 'When it is tried next, or was.' }),
    lastStatus: z
      .int()
      .nullable()
      .meta({ description: 'What the receiver answered last, over HTTP or SMTP.' }),
    lastError: z.string().nullable(),
    createdAt: time,
    deliveredAt: time.nullable(),
  })
  .meta({ id: 'Notification', description: 'One message to one subscriber.' });
export type Notification = z.output<typeof notification>;

export const notificationPage = page(notification, 'NotificationPage');

export const notificationFilters = z.strictObject({
  ...paging,
  subscription: reference.optional(),
  state: z.enum(notificationStates).optional(),
});

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }) !== undefined;
  } catch {
    return false;
  }
}
