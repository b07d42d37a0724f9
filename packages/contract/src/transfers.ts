import {
  conflictRules,
  defaultRetryPolicy,
  duplicateActions,
  transferKinds,
  verifications,
  whyModeRefused,
} from '@waybill/domain';
import { whySuffixRefused, whyTemplateRefused } from '@waybill/domain/naming';
import { whyAcknowledgementRefused, whyChecksumFilesRefused } from '@waybill/domain/selection';
import { z } from 'zod';
import { acknowledgement, acknowledgementAsked } from './acknowledgement.js';
import { requiredChecksumFile, writtenChecksumFile } from './checksum-files.js';
import { count, id, name, page, path, pathShown, pattern, reference, time } from './fields.js';
import { selectionRules, selectionRulesAsked } from './selection.js';
import { transforms } from './transforms.js';

const patterns = z.array(pattern).max(50);
const conflict = z.enum(conflictRules).meta({
  description:
    'What happens where the target already has a file of the final name; `rename` gives the new one the first free name, ' +
    '`append` adds it to the end of the one that is there.',
});
const verification = z.enum(verifications).meta({
  description:
    'The weakest proof of arrival that counts, at least the minimum of the target endpoint, which it is if left out: ' +
    '`size` is compared wherever it is told; `read-back` reads the part file again, or has the target hash it, and compares ' +
    "SHA-256; `remote-hash` takes nothing but a hash of the target's own.",
});
const concurrency = z.int().min(1).max(64).meta({ description: 'Files moved at once.', example: 4 });
const template = z
  .string()
  .superRefine((text, context) => {
    const why = whyTemplateRefused(text);
    if (why !== undefined) context.addIssue({ code: 'custom', message: why });
  })
  .meta({
    description:
      'Template of the path below the directory; files keep the names that transforms leave them if left out.',
    example: '{stem}_{date:yyyyMMdd, zone=Europe/Berlin}{.ext}',
  });
const renameSuffix = z
  .string()
  .superRefine((text, context) => {
    const why = whySuffixRefused(text);
    if (why !== undefined) context.addIssue({ code: 'custom', message: why });
  })
  .meta({
    description:
      'Of the conflict rule `rename`: added before the extension, with {n} counted up from 1; " ({n})" if left out.',
    example: '_{n}',
  });
const preserveTimes = z.boolean().meta({
  description:
    'Files get the time of modification that they have at the source, where the target lets us; as if left out.',
});
const mode = z
  .string()
  .superRefine((text, context) => {
    const why = whyModeRefused(text);
    if (why !== undefined) context.addIssue({ code: 'custom', message: why });
  })
  .meta({
    description:
      'Permissions of the files, octal, or `preserve`: those that they have at the source. As the target makes them if left out.',
    example: '0640',
  });
const delayMs = z.int().min(0).max(86_400_000);
const retryPolicy = z
  .strictObject({
    maxAttempts: z.int().min(1).max(100).meta({ description: 'Attempts in all, the first included.' }),
    firstDelayMs: delayMs.meta({
      description: 'Milliseconds before the second attempt; doubles with each further one.',
    }),
    maxDelayMs: delayMs,
  })
  .refine((policy) => policy.firstDelayMs <= policy.maxDelayMs, {
    path: ['maxDelayMs'],
    message: 'maxDelayMs is smaller than firstDelayMs',
  })
  .meta({ id: 'RetryPolicy', example: defaultRetryPolicy });

const keepOrDelete = [
  z.strictObject({ kind: z.literal('keep') }),
  z.strictObject({ kind: z.literal('delete') }),
] as const;
const disposition = z
  .discriminatedUnion('kind', [
    ...keepOrDelete,
    z.strictObject({ kind: z.literal('archive'), directory: path }),
  ])
  .meta({ id: 'DispositionAsked', description: 'What happens to the source file after verified delivery.' });
const dispositionShown = z
  .discriminatedUnion('kind', [
    ...keepOrDelete,
    z.strictObject({ kind: z.literal('archive'), directory: pathShown }),
  ])
  .meta({ id: 'Disposition', description: 'What happens to the source file after verified delivery.' });

const suffix = z
  .string()
  .max(33)
  .meta({ description: 'Of the name while the file is claimed, beside itself.', example: '.processing' });
const claimed =
  'The file is renamed at the source before it is read, so that nobody else takes it; see docs/claiming.md.';
const claim = z
  .union([z.strictObject({ suffix }), z.strictObject({ directory: path })])
  .meta({ id: 'ClaimAsked', description: claimed });
const claimShown = z
  .union([z.strictObject({ suffix }), z.strictObject({ directory: pathShown })])
  .meta({ id: 'Claim', description: claimed });

const set = z.strictObject({ controlFile: pattern.optional() }).meta({
  id: 'FileSet',
  description:
    'All files of a run or none: all arrive before the first gets its name, and those that match `controlFile` come last; ' +
    'see docs/sets.md.',
});

const duplicates = z
  .strictObject({
    withinDays: z.int().min(1).max(3_650).meta({ description: 'How far is looked back.' }),
    action: z.enum(duplicateActions).meta({
      description: '`hold`: the file fails, and the run waits; retried by a person, it delivers the file.',
    }),
  })
  .meta({
    id: 'DuplicateRule',
    description:
      "What becomes of content that the target's partner was sent before, by any transfer and under any name; see " +
      'docs/duplicates.md. Left out: it is delivered.',
  });

/** As asked for: endpoints by id or name, defaults for what is left out. */
export const definitionAsked = z
  .strictObject({
    source: z.strictObject({
      endpointId: reference,
      directory: path,
      include: patterns
        .min(1)
        .default(['*'])
        .meta({ description: 'A file is selected if one matches its name …' }),
      exclude: patterns.default([]).meta({ description: '… and none of these does.' }),
      selection: selectionRulesAsked.optional(),
      checksumFile: requiredChecksumFile.optional(),
      claim: claim.optional(),
    }),
    target: z.strictObject({
      endpointId: reference,
      directory: path,
      name: template.optional(),
      renameSuffix: renameSuffix.optional(),
      checksumFile: writtenChecksumFile.optional(),
      acknowledgement: acknowledgementAsked.optional(),
      preserveTimes: preserveTimes.optional(),
      mode: mode.optional(),
    }),
    transforms: transforms.optional(),
    set: set.optional(),
    duplicates: duplicates.optional(),
    disposition: disposition.default({ kind: 'keep' }),
    conflict: conflict.default('replace'),
    verification: verification.optional(),
    concurrency: concurrency.default(4),
    retry: retryPolicy.default(defaultRetryPolicy),
  })
  .superRefine((asked, context) => {
    const why = whyChecksumFilesRefused(asked) ?? whyAcknowledgementRefused(asked);
    if (why) context.addIssue({ code: 'custom', path: [...why.path], message: why.message });
  })
  .meta({ id: 'TransferDefinitionAsked', description: 'From where, to where, which files, what then.' });
export type DefinitionAsked = z.output<typeof definitionAsked>;

const definition = z
  .strictObject({
    source: z.strictObject({
      endpointId: id,
      directory: pathShown,
      include: z.array(z.string()),
      exclude: z.array(z.string()),
      selection: selectionRules.optional(),
      checksumFile: requiredChecksumFile.optional(),
      claim: claimShown.optional(),
    }),
    target: z.strictObject({
      endpointId: id,
      directory: pathShown,
      name: z.string().optional(),
      renameSuffix: z.string().optional(),
      checksumFile: writtenChecksumFile.optional(),
      acknowledgement: acknowledgement.optional(),
      preserveTimes: preserveTimes.optional(),
      mode: z.string().optional(),
    }),
    transforms: transforms.optional(),
    set: set.optional(),
    duplicates: duplicates.optional(),
    disposition: dispositionShown,
    conflict,
    verification: verification.optional(),
    concurrency,
    retry: retryPolicy,
  })
  .meta({ id: 'TransferDefinition', description: 'From where, to where, which files, what then.' });
export type Definition = z.output<typeof definition>;

const kind = z
  .enum(transferKinds)
  .meta({ description: 'push: from a directory; pull: into a directory; relay: between two servers.' });
const version = z
  .int()
  .min(1)
  .meta({ description: 'Grows by one with each change of the definition.', example: 1 });

export const transfer = z
  .strictObject({
    id,
    name,
    kind,
    enabled: z.boolean().meta({ description: 'A disabled transfer makes no runs.' }),
    version,
    definition,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Transfer', description: 'A transfer with the definition that new runs take.' });
export type Transfer = z.output<typeof transfer>;

export const transferPage = page(transfer, 'TransferPage');

export const transferVersion = z
  .strictObject({ id, transferId: id, version, definition, createdAt: time })
  .meta({ id: 'TransferVersion', description: 'An immutable revision of a transfer.' });
export type TransferVersion = z.output<typeof transferVersion>;

export const transferVersionPage = page(transferVersion, 'TransferVersionPage');

export const createTransfer = z
  .strictObject({ name, enabled: z.boolean().default(true), definition: definitionAsked })
  .meta({
    id: 'CreateTransfer',
    example: {
      name: 'acme-statements',
      definition: {
        source: { endpointId: 'acme-sftp', directory: 'out', include: ['*.csv'] },
        target: { endpointId: 'inbox', directory: 'acme' },
      },
    },
  });

export const updateTransfer = z
  .strictObject({
    name: name.optional(),
    enabled: z.boolean().optional(),
    definition: definitionAsked.optional(),
  })
  .meta({
    id: 'UpdateTransfer',
    description:
      'Fields that are left out stay; the definition is replaced as a whole, which makes a new version. Runs that exist keep theirs.',
    example: { enabled: false },
  });

export const forgetFiles = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .max(4_096)
      .meta({
        description:
          'A path at the source that the transfer has delivered from, or else a glob for the names in a directory; ' +
          'without a directory: in all of them.',
        example: 'out/*.csv',
      }),
  })
  .meta({ id: 'ForgetFiles', example: { path: 'out/statement.csv' } });

export const filesForgotten = z
  .strictObject({ files: count })
  .meta({ id: 'FilesForgotten', description: 'How many files are new to the transfer again.' });
