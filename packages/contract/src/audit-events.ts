import { actorKinds } from '@waybill/domain';
import { z } from 'zod';
import { id, page, paging, sha256, time, timeAsked } from './fields.js';

const type = z.string().min(1).max(64).meta({ example: 'transfer.created' });
const outcome = z.enum(['succeeded', 'denied']);

export const auditEvent = z
  .strictObject({
    seq: z.int().min(1).meta({ description: 'Without gaps, from 1.' }),
    id,
    at: time,
    type,
    outcome,
    actor: z.strictObject({
      kind: z.enum(actorKinds),
      id: z.string().nullable(),
      name: z.string(),
    }),
    address: z.string().nullable(),
    requestId: z.string().nullable(),
    subject: z.strictObject({ kind: z.string(), id: z.string() }).nullable(),
    data: z.record(z.string(), z.unknown()).meta({ description: 'Depends on the type. Holds no secret.' }),
    description: z.string().meta({ description: 'The event as an English sentence.' }),
    previousHash: sha256,
    hash: sha256.meta({ description: 'Over the previous hash and the event in canonical form.' }),
  })
  .meta({ id: 'AuditEvent', description: 'Something that happened, by whom; append-only, hash-chained.' });
export type AuditEvent = z.output<typeof auditEvent>;

export const auditEventPage = page(auditEvent, 'AuditEventPage');

export const auditEventFilters = z.strictObject({
  ...paging,
  type: type.optional(),
  subjectKind: z.string().min(1).max(64).optional().meta({ example: 'transfer' }),
  subjectId: z.string().min(1).max(64).optional(),
  actorId: z.string().min(1).max(64).optional(),
  outcome: outcome.optional(),
  since: timeAsked.optional(),
  until: timeAsked.optional(),
});

const count = z.int().nonnegative().meta({ description: 'How many events were found to be in order.' });

export const auditVerification = z
  .discriminatedUnion('intact', [
    z
      .strictObject({
        intact: z.literal(true),
        count,
        headSeq: z.int().nonnegative(),
        headHash: sha256.meta({ description: 'The hash of the last event.' }),
      })
      .meta({ id: 'AuditChainIntact' }),
    z
      .strictObject({
        intact: z.literal(false),
        count,
        problem: z
          .strictObject({
            kind: z.enum(['altered', 'missing', 'inserted', 'reordered', 'truncated']),
            seq: z.int(),
            eventId: z.string().nullable().meta({ description: 'Null where there is no event.' }),
            expected: z.string(),
            found: z.string(),
            message: z.string(),
          })
          .meta({
            id: 'AuditChainProblem',
            description: 'The first place where the log is not what was written.',
          }),
      })
      .meta({ id: 'AuditChainBroken' }),
  ])
  .meta({ id: 'AuditVerification' });
export type AuditVerification = z.output<typeof auditVerification>;
