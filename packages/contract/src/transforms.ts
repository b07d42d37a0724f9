import { charsets, transformKinds, unmappableRules, whyTransformsRefused } from '@waybill/domain';
import { z } from 'zod';
import { bytes, name, sha256 } from './fields.js';

const key = name.meta({ description: 'The name of an OpenPGP key.', example: 'acme' });
// What is wrong with one step is said once: the check of all of them comes after.
const once = { abort: true };
// The types of packages/domain take no list that could be changed.
const keys: z.ZodType<readonly string[], readonly string[]> = z.array(key).min(1, once).max(20, once);
const level = z
  .int()
  .min(0, once)
  .max(9, once)
  .optional()
  .meta({ description: 'From 0 (store) to 9 (smallest); 6 if left out.' });
const armor = z.boolean().optional().meta({ description: 'As text, for channels that damage binary files.' });
const entryName = z.string().max(1024);

const transform = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('gzip'), level }).meta({ id: 'Gzip' }),
  z.strictObject({ kind: z.literal('gunzip') }).meta({ id: 'Gunzip' }),
  z
    .strictObject({
      kind: z.literal('zip'),
      entryName: entryName
        .optional()
        .meta({ description: 'As the file is named at this step, if left out.' }),
      level,
    })
    .meta({ id: 'Zip', description: 'An archive with one entry.' }),
  z
    .strictObject({
      kind: z.literal('unzip'),
      entry: entryName.optional().meta({ description: 'In full; the only one there is, if left out.' }),
    })
    .meta({ id: 'Unzip' }),
  z
    .strictObject({ kind: z.literal('openpgp-encrypt'), recipients: keys, signWith: key.optional(), armor })
    .meta({ id: 'OpenPgpEncrypt' }),
  z
    .strictObject({
      kind: z.literal('openpgp-decrypt'),
      decryptWith: keys,
      requireSignatureBy: keys
        .optional()
        .meta({ description: 'A valid signature by one of these keys is required.' }),
    })
    .meta({ id: 'OpenPgpDecrypt' }),
  z.strictObject({ kind: z.literal('openpgp-sign'), signWith: key, armor }).meta({ id: 'OpenPgpSign' }),
  z
    .strictObject({ kind: z.literal('openpgp-verify'), requireSignatureBy: keys })
    .meta({ id: 'OpenPgpVerify', description: 'Checks the signature and takes it off.' }),
  z
    .strictObject({
      kind: z.literal('charset'),
      from: z.enum(charsets),
      to: z.enum(charsets),
      onUnmappable: z.enum(unmappableRules).optional(),
      byteOrderMark: z.boolean().optional(),
      ebcdicLineEnd: z.enum(['nl', 'lf']).optional(),
    })
    .meta({ id: 'ConvertCharset' }),
  z
    .strictObject({ kind: z.literal('line-ends'), to: z.enum(['lf', 'crlf']) })
    .meta({ id: 'ConvertLineEnds' }),
]);

/** Shown as they were asked for. Steps that make no sense, or not in this order, are refused. */
export const transforms = z
  .array(transform)
  .max(20)
  .superRefine((specs, context) => {
    const why = whyTransformsRefused(specs);
    if (why !== undefined) context.addIssue({ code: 'custom', message: why });
  })
  .meta({
    description: 'What changes in each file on its way, in order; see docs/transforms.md.',
    example: [{ kind: 'zip' }, { kind: 'openpgp-encrypt', recipients: ['acme'], signWith: 'ours' }],
  });

export const transformStage = z
  .strictObject({
    kind: z.enum(transformKinds),
    bytes,
    sha256,
    entry: z
      .string()
      .optional()
      .meta({ description: 'The name of the entry that was taken out of an archive.' }),
    signedBy: z
      .string()
      .optional()
      .meta({ description: 'The fingerprint of the key whose signature was found valid.' }),
  })
  .meta({ id: 'TransformStage', description: 'What came out of one transform of a file.' });
