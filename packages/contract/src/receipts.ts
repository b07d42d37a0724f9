import { assurances, runStates } from '@waybill/domain';
import { z } from 'zod';
import { bytes, id, sha256, time } from './fields.js';
import { transformStage } from './transforms.js';

const place = z
  .strictObject({ endpointId: id, endpoint: z.string(), directory: z.string() })
  .meta({ id: 'ReceiptPlace' });

const line = z
  .strictObject({
    sourcePath: z.string(),
    targetPath: z.string(),
    size: bytes,
    sha256,
    sourceSize: bytes.optional(),
    sourceSha256: sha256.optional(),
    transforms: z
      .array(transformStage)
      .optional()
      .meta({ description: 'Only where transforms changed the file: what came out of each.' }),
    assurance: z.enum(assurances),
    startedAt: time.optional(),
    deliveredAt: time,
    acknowledgedAt: time
      .optional()
      .meta({ description: 'Only where the partner has acknowledged the file.' }),
  })
  .meta({ id: 'ReceiptLine', description: 'One delivered file.' });

/** Absent members are left out, not null: the hash is over these very members. */
const document = z.strictObject({
  format: z.literal('waybill receipt v1'),
  run: z.strictObject({
    id,
    state: z.enum(runStates),
    createdAt: time,
    startedAt: time.optional(),
    finishedAt: time.optional(),
  }),
  transfer: z.strictObject({ id, name: z.string(), version: z.int() }),
  source: place,
  target: place,
  deliveries: z.array(line),
});

export const receipt = z
  .strictObject({
    sha256: sha256.meta({
      description:
        'Of `receipt` in canonical JSON (RFC 8785), UTF-8; the audit event of the end of the run holds it too.',
    }),
    signature: z
      .strictObject({
        algorithm: z.literal('Ed25519'),
        publicKey: z.string().meta({ description: 'PEM (SubjectPublicKeyInfo).' }),
        signature: z.string().meta({ description: 'Base64.' }),
      })
      .meta({ id: 'Signature', description: 'Over the same bytes as `sha256`.' }),
    receipt: document,
  })
  .meta({ id: 'Receipt', description: 'The record of what a run delivered: the waybill itself.' });
export type Receipt = z.output<typeof receipt>;
