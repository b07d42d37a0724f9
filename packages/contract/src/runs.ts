import {
  assurances,
  attemptStates,
  deliveryStates,
  type FailureCode,
  failureCodes,
  owners,
  runStates,
  runTriggers,
  waitReasons,
} from '@waybill/domain';
import { z } from 'zod';
import { bytes, count, id, page, paging, reference, sha256, time, timeAsked } from './fields.js';
import { transformStage } from './transforms.js';

export const failure = z
  .strictObject({
    code: z.enum(failureCodes as [FailureCode, ...FailureCode[]]),
    message: z.string().meta({ description: 'What, where, both values, what to do.' }),
    owner: z.enum(owners).meta({ description: 'Whose turn it is.' }),
    remedy: z.string().meta({ description: 'What helps against failures of this code.' }),
  })
  .meta({ id: 'Failure', description: 'Why. Programs act on the code; docs/errors.md explains each.' });
export type Failure = z.output<typeof failure>;

const fileCounts = z
  .strictObject({ selected: count, delivered: count, failed: count, skipped: count })
  .meta({ id: 'FileCounts' });

const waiting = z
  .strictObject({
    reason: z.enum(waitReasons),
    message: z.string().meta({ description: 'For people.' }),
    endpointId: id.nullable(),
    endpointName: z.string().nullable(),
    since: time,
  })
  .meta({ id: 'Waiting', description: 'Why a queued run is not executed although its time has come.' });

export const runState = z.enum(runStates);

export const run = z
  .strictObject({
    id,
    transferId: id,
    transferName: z.string(),
    version: z.int().min(1).meta({ description: 'The version of the transfer that the run executes.' }),
    state: runState,
    trigger: z.enum(runTriggers),
    occurrenceId: id.nullable(),
    dueAt: time.nullable().meta({
      description: 'The due time that it stands for, which names are made of; null for a run on request.',
    }),
    pool: z.string(),
    epoch: z.int().min(1).meta({ description: 'Grows with every attempt and every return to the queue.' }),
    attemptsUsed: count.meta({ description: 'Attempts that count against the retry policy.' }),
    notBefore: time.nullable(),
    waiting: waiting.nullable(),
    cancelRequestedAt: time.nullable(),
    failure: failure.nullable(),
    files: fileCounts,
    bytesSelected: bytes,
    bytesMoved: bytes,
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Run', description: 'One execution of a transfer, with an outcome.' });
export type Run = z.output<typeof run>;

export const runPage = page(run, 'RunPage');

export const runFilters = z.strictObject({
  ...paging,
  transfer: reference.optional(),
  state: runState.optional(),
  since: timeAsked.optional(),
  until: timeAsked.optional(),
});

export const delivery = z
  .strictObject({
    id,
    runId: id,
    sourcePath: z.string(),
    targetPath: z.string(),
    size: bytes.meta({ description: 'Bytes at the target; of the source until that is known.' }),
    sourceModifiedAt: time.nullable(),
    state: z.enum(deliveryStates),
    sha256: sha256.nullable().meta({ description: 'Of what is at the target.' }),
    sourceSize: bytes.nullable().meta({ description: 'Null unless transforms changed the file.' }),
    sourceSha256: sha256.nullable().meta({ description: 'Null unless transforms changed the file.' }),
    transforms: z
      .array(transformStage)
      .meta({ description: 'What came out of each; the last one made what is at the target.' }),
    assurance: z.enum(assurances).meta({ description: 'How arrival was proven.' }),
    checkpointBytes: bytes.meta({
      description:
        'The unbroken prefix that the target has acknowledged, where the next attempt may continue.',
    }),
    resumedFrom: bytes.meta({ description: 'The byte from which the last attempt continued.' }),
    failure: failure.nullable(),
    skippedBecause: z.string().nullable(),
    startedAt: time.nullable(),
    deliveredAt: time.nullable(),
    awaitedSince: time.nullable().meta({
      description: "Since when the partner's acknowledgement is, or was, waited for; a retry begins anew.",
    }),
    acknowledgedAt: time.nullable().meta({ description: 'When the acknowledgement was seen.' }),
    disposedAt: time.nullable().meta({
      description:
        'When all that follows was done: checksum file, acknowledgement, disposition of the source.',
    }),
  })
  .meta({ id: 'Delivery', description: 'One file of a run.' });
export type Delivery = z.output<typeof delivery>;

export const deliveryPage = page(delivery, 'DeliveryPage');
export const deliveryFilters = z.strictObject({ ...paging, state: z.enum(deliveryStates).optional() });

export const attempt = z
  .strictObject({
    id,
    runId: id,
    epoch: z.int().min(1),
    workerId: id,
    workerName: z.string(),
    state: z.enum(attemptStates),
    failure: failure.nullable(),
    startedAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Attempt', description: 'One try of a run, on one worker.' });
export type Attempt = z.output<typeof attempt>;

export const attemptList = z.strictObject({ items: z.array(attempt) }).meta({ id: 'AttemptList' });

/** Live progress, several times a second while bytes move. Lossy: the run's record is what counts. */
export const progress = z
  .strictObject({
    files: fileCounts,
    bytesSelected: bytes,
    bytesMoved: bytes,
    moving: z.array(z.strictObject({ sourcePath: z.string(), size: bytes, bytes })),
  })
  .meta({ id: 'Progress', description: 'How far a run is, and which files move right now.' });
export type Progress = z.output<typeof progress>;

/** A message of `GET /runs/{id}/events`: the event's name and its data. */
export type RunEvent =
  | { readonly event: 'snapshot' | 'state'; readonly data: Run }
  | { readonly event: 'progress'; readonly data: Progress };
