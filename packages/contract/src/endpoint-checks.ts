import {
  answers,
  type EndpointProfile,
  endpointCheckKinds,
  endpointCheckStates,
  failureCodes,
  foreseenDecisions,
  hostKeyStates,
  plainCheckKinds,
  probeOutcomes,
  selectionOutcomes,
  selectionQuestions,
} from '@waybill/domain';
import { z } from 'zod';
import { bytes, count, id, page, paging, path, pool, reference, time } from './fields.js';
import { failure } from './runs.js';

const milliseconds = z.int().meta({ description: 'Milliseconds.' });
const fact = z.boolean().nullable();

export const endpointProfile = z
  .strictObject({
    probedAt: time,
    software: z.string().nullable().meta({ example: 'OpenSSH_9.2p1' }),
    extensions: z.array(z.string()),
    limits: z.strictObject({ readBytes: bytes, writeBytes: bytes }).nullable(),
    canList: fact,
    makesDirectories: fact,
    canWrite: fact,
    keepsWritten: fact.meta({ description: 'A file that was written and closed is still there.' }),
    canReadBack: fact,
    keepsBytes: fact.meta({ description: 'What comes back are the bytes that were written.' }),
    keepsRead: fact.meta({ description: 'A file that was read is still there.' }),
    canStat: fact,
    canStatOpen: fact,
    tellsTrueSize: fact,
    continues: fact.meta({ description: 'A file can be continued at its end.' }),
    truncates: fact,
    setsTimes: fact,
    renames: fact,
    renameReplaces: fact.meta({
      description: 'Plain rename puts the new file in the place of one that exists.',
    }),
    posixRename: fact,
    removes: fact,
    timePrecisionMs: milliseconds.nullable(),
    clockOffsetMs: milliseconds.nullable().meta({ description: "The server's clock minus ours." }),
    channels: count
      .nullable()
      .meta({ description: 'Channels that one connection may open, as far as tried.' }),
    refusesMoreChannels: fact,
    connections: z
      .union([z.literal(1), z.literal(2)])
      .nullable()
      .meta({
        description: 'Connections accepted at the same time; no more than 2 are tried.',
      }),
    freeBytes: bytes.nullable(),
    hashes: z
      .array(z.string())
      .meta({ description: 'Algorithms by which the server itself can hash a file.' }),
  } satisfies Record<keyof EndpointProfile, z.ZodType>)
  .meta({
    id: 'EndpointProfile',
    description: 'What a probe saw an SFTP server do for this account. Null: it could not be told.',
  });

const probeStep = z
  .strictObject({
    name: z.string().meta({ example: 'read back' }),
    outcome: z.enum(probeOutcomes).meta({ description: '`skipped`: not tried, or it could not be told.' }),
    detail: z.string(),
    tookMs: milliseconds,
  })
  .meta({ id: 'ProbeStep' });

const probeProposal = z
  .strictObject({
    setting: z.string().meta({ example: 'maxChannels' }),
    proposed: z.union([z.string(), z.number()]),
    why: z.string(),
  })
  .meta({ id: 'ProbeProposal', description: 'What to change. Nothing is changed by itself.' });

const probeReport = z
  .strictObject({
    kind: z.literal('probe'),
    steps: z.array(probeStep),
    profile: endpointProfile.nullable(),
    proposals: z.array(probeProposal),
  })
  .meta({ id: 'ProbeReport' });

const fingerprint = z.string().meta({ example: 'SHA256:jOs1n0TRcYFxZ4Rq0Hn2GJrmFfUqbiAEHV4x0n8bWvM' });
const algorithm = z.string().meta({ example: 'ssh-ed25519' });

const hostKeyScanReport = z
  .strictObject({
    kind: z.literal('host-key-scan'),
    offered: z.array(
      z.strictObject({
        algorithm,
        fingerprint,
        state: z
          .enum(hostKeyStates)
          .nullable()
          .meta({ description: 'On record after the scan. Null: not recorded, there are too many.' }),
        isNew: z.boolean().meta({ description: 'It was not on record before.' }),
      }),
    ),
    missing: z
      .array(z.strictObject({ algorithm, fingerprint }))
      .meta({ description: 'Trusted keys that the server did not offer.' }),
  })
  .meta({ id: 'HostKeyScanReport', description: 'What an open line tells proves nothing by itself.' });

const foreseenFile = z
  .strictObject({
    decision: z.enum(foreseenDecisions),
    code: z.enum([...new Set([...selectionOutcomes, ...failureCodes])]).meta({
      description: 'What selection made of it; of a file that would fail the code of the failure.',
    }),
    because: z.string(),
    path: z.string().meta({ description: 'At the source.', example: 'out/day.csv' }),
    targetPath: z.string().nullable().meta({ description: 'At the target; null unless it would be moved.' }),
    size: bytes,
    modifiedAt: time.nullable(),
  })
  .meta({ id: 'ForeseenFile', description: 'What a run would do with a file now.' });

const foreseenCount = z.strictObject({ files: count, bytes });
const tried = {
  version: z.int().meta({ description: 'Of the definition that was tried.' }),
  enabled: z.boolean().meta({ description: 'A disabled transfer makes no runs.' }),
  obstacle: z.string().nullable().meta({ description: 'Why a run would move nothing at all, and fail.' }),
};

const dryRunReport = z
  .strictObject({
    kind: z.literal('dry-run'),
    ...tried,
    counts: z.strictObject({ move: foreseenCount, fail: foreseenCount, leave: foreseenCount }),
    files: z.array(foreseenFile).meta({ description: 'At most 1000 of each decision; `counts` has all.' }),
  })
  .meta({ id: 'DryRunReport' });

const explanation = z
  .strictObject({
    transferId: id,
    transferName: z.string(),
    ...tried,
    file: foreseenFile.nullable(),
    nowhere: z.string().nullable().meta({ description: 'Why there is no file to explain.' }),
    answers: z
      .array(
        z.strictObject({
          question: z.enum(selectionQuestions),
          answer: z.enum(answers).meta({ description: '`not-asked`: the definition has no rule for it.' }),
          because: z.string(),
        }),
      )
      .meta({ description: 'The first `no` decides.' }),
  })
  .meta({ id: 'Explanation', description: 'What a run of one transfer would do with a file now, and why.' });

const explanationReport = z
  .strictObject({ kind: z.literal('explanation'), transfers: z.array(explanation) })
  .meta({ id: 'ExplanationReport' });

export const endpointCheck = z
  .strictObject({
    id,
    endpointId: id,
    endpointName: z.string(),
    kind: z.enum(endpointCheckKinds),
    transferId: id.nullable().meta({ description: 'Of a dry run, and of an explanation for one.' }),
    transferName: z.string().nullable(),
    path: z.string().nullable().meta({ description: 'Of an explanation: the file, from the root.' }),
    state: z.enum(endpointCheckStates).meta({
      description: '`failed`: the report tells of a failure, or `failure` says why there is no report.',
    }),
    pool,
    requestedBy: z.string(),
    workerName: z.string().nullable(),
    report: z
      .discriminatedUnion('kind', [probeReport, hostKeyScanReport, dryRunReport, explanationReport])
      .nullable(),
    failure: failure.nullable(),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'EndpointCheck', description: 'A look at an endpoint, carried out by a worker of its pool.' });
export type EndpointCheck = z.output<typeof endpointCheck>;

export const endpointCheckPage = page(endpointCheck, 'EndpointCheckPage');
export const endpointCheckFilters = z.strictObject(paging);

export const requestEndpointCheck = z
  .strictObject({ kind: z.enum(plainCheckKinds) })
  .meta({ id: 'RequestEndpointCheck', example: { kind: 'probe' } });

export const requestExplanation = z
  .strictObject({
    path: path
      .refine((text) => text !== '', 'name a file')
      .meta({ description: "The file, from the endpoint's root.", example: 'out/day.csv' }),
    transferId: reference.optional().meta({
      description: 'Of one transfer. Left out: of each that reads the directory of the file.',
    }),
  })
  .meta({ id: 'RequestExplanation', example: { path: 'out/day.csv' } });

export const endpointCheckQuery = z.strictObject({
  wait: z.coerce.number().int().min(0).max(30).default(0).meta({
    description: 'Seconds to wait for the end of the check before answering, 0 to 30.',
    example: 20,
  }),
});
