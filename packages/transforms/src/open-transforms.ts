import { createHash } from 'node:crypto';
import {
  nameAfter,
  type StageFindings,
  type TransformSpec,
  type TransformStage,
  whyTransformsRefused,
} from '@waybill/domain';
import { takeUntilAborted } from '@waybill/storage';
import { charset } from './charset.js';
import { gunzip, gzip } from './gzip.js';
import { defaultLimits, type ExpansionLimits } from './limits.js';
import { lineEnds } from './line-ends.js';
import { openDecrypt } from './openpgp/decrypt.js';
import { openEncrypt, openSign } from './openpgp/encrypt.js';
import type { KeyRing } from './openpgp/key-ring.js';
import { openVerify } from './openpgp/verify.js';
import type { FileFacts, Stage, Transform } from './transform.js';
import { TransformError } from './transform-error.js';
import { unzip } from './unzip.js';
import { zip } from './zip.js';

export interface TransformOptions {
  readonly keys: KeyRing;
  /** Defaults to {@link defaultLimits}. */
  readonly limits?: Partial<ExpansionLimits>;
  readonly signal: AbortSignal;
}

export interface OpenedTransforms {
  /** One file through all steps. To be called once for each file. */
  apply(input: AsyncIterable<Uint8Array>, file: FileFacts): TransformedFile;
}

export interface TransformedFile {
  /**
   * The transformed bytes, to be iterated once. Throws TransformError, or what the input throws. Only an iteration
   * that ended without an error is a whole file.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** One report a step, in order. @throws if `body` has not ended yet */
  report(): readonly TransformStage[];
}

/**
 * Makes ready what `specs` say, once for any number of files: keys are loaded, unlocked, and checked for their use.
 * @throws TransformError if the steps make no sense, or a key can't be used
 */
export async function openTransforms(
  specs: readonly TransformSpec[],
  options: TransformOptions,
): Promise<OpenedTransforms> {
  const why = whyTransformsRefused(specs);
  if (why) throw new TransformError('misconfigured', why);
  const stages: Stage[] = [];
  for (const [index, spec] of specs.entries())
    stages.push(await openStage(spec, options).catch((error: unknown) => rethrowAt(error, index, spec.kind)));
  return { apply: (input, file) => applyStages(stages, specs, input, file, options.signal) };
}

async function openStage(spec: TransformSpec, options: TransformOptions): Promise<Stage> {
  const { keys, signal } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const { kind } = spec;
  switch (kind) {
    case 'gzip':
      return { kind, forFile: () => gzip(spec.level) };
    case 'gunzip':
      return { kind, forFile: () => gunzip(limits) };
    case 'zip':
      return {
        kind,
        forFile: ({ name, modifiedAt }) =>
          zip({ entryName: spec.entryName ?? name, modifiedAt, level: spec.level }),
      };
    case 'unzip':
      return { kind, forFile: (_file, found) => unzip({ entry: spec.entry, limits, found }) };
    case 'openpgp-encrypt':
      return { kind, forFile: constant(await openEncrypt(spec, keys, signal)) };
    case 'openpgp-sign':
      return { kind, forFile: constant(await openSign(spec, keys, signal)) };
    case 'openpgp-decrypt': {
      const forFile = await openDecrypt(spec, keys, limits, signal);
      return { kind, forFile: (_file, found) => forFile(found) };
    }
    case 'openpgp-verify': {
      const forFile = await openVerify(spec, keys, limits, signal);
      return { kind, forFile: (_file, found) => forFile(found) };
    }
    case 'charset':
      return { kind, forFile: constant(charset(spec)) };
    case 'line-ends':
      return { kind, forFile: constant(lineEnds(spec.to)) };
  }
}

function constant(transform: Transform): () => Transform {
  return () => transform;
}

function applyStages(
  stages: readonly Stage[],
  specs: readonly TransformSpec[],
  input: AsyncIterable<Uint8Array>,
  file: FileFacts,
  signal: AbortSignal,
): TransformedFile {
  const reports: TransformStage[] = [];
  let body = input;
  let name = file.name;
  for (const [index, stage] of stages.entries()) {
    body = runStage(stage, {
      body,
      signal,
      index,
      file: { ...file, name },
      done: (report) => reports.push(report),
    });
    const spec = specs[index];
    if (spec) name = nameAfter(name, spec);
  }
  return {
    body: takeUntilAborted(body, signal),
    report() {
      if (reports.length === stages.length) return reports;
      throw new Error(
        `only ${reports.length} of ${stages.length} transforms have ended: there is no report yet`,
      );
    },
  };
}

interface StageRun {
  readonly body: AsyncIterable<Uint8Array>;
  readonly file: FileFacts;
  readonly signal: AbortSignal;
  readonly index: number;
  done(report: TransformStage): void;
}

async function* runStage(
  stage: Stage,
  { body, file, signal, index, done }: StageRun,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const input: { error?: unknown } = {};
  let bytes = 0;
  let findings: StageFindings = {};
  const transform = stage.forFile(file, (found) => {
    findings = found;
  });
  try {
    for await (const chunk of transform(remembering(body, input), signal)) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    // What the input threw counts, however the library on the way has wrapped it.
    if ('error' in input) throw input.error;
    rethrowAt(error, index, stage.kind);
  }
  done({ kind: stage.kind, bytes, sha256: hash.digest('hex'), ...findings });
}

async function* remembering(
  body: AsyncIterable<Uint8Array>,
  input: { error?: unknown },
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    input.error = error;
    throw error;
  }
}

/** Says which step failed, since a file may go through several of a kind. */
function rethrowAt(error: unknown, index: number, kind: string): never {
  if (!(error instanceof TransformError)) throw error;
  throw new TransformError(error.code, `transform ${index + 1} (${kind}): ${error.message}`, {
    cause: error,
  });
}
