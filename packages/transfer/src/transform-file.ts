import { baseName, type ChecksumAlgorithm, type Transformed, type TransformStage } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { FileHash, type HashedBytes } from './file-hash.js';
import type { FileToMove, RunContext } from './run-context.js';
import type { RunTransferInput } from './run-transfer.js';

/** The transforms of a definition, opened: keys are loaded, and can be used for what they are named for. */
export interface FileTransforms {
  /** One file through all steps. To be called once for each file. */
  apply(
    input: AsyncIterable<Uint8Array>,
    file: { readonly name: string; readonly modifiedAt?: Date },
  ): TransformedFile;
}

export interface TransformedFile {
  /** Throws StorageError `transform-failed`, or what the input throws. Only one that has ended is a whole file. */
  readonly body: AsyncIterable<Uint8Array>;
  /** What came out of each step, in order. @throws if `body` has not ended yet */
  report(): readonly TransformStage[];
}

/** @throws StorageError `transform-failed` if a key is missing or can't be used */
export type OpenTransforms = (signal: AbortSignal) => Promise<FileTransforms>;

/**
 * What changes in each file of a run: opened once, for the first file that asks. Companions go as they are.
 * @throws StorageError `misconfigured` if nobody can open what the definition asks for
 */
export function transformsOf(
  { definition, openTransforms }: Pick<RunTransferInput, 'definition' | 'openTransforms'>,
  isCompanion: RunContext['isCompanion'],
  signal: AbortSignal,
): RunContext['transformsOf'] {
  if (!definition.transforms?.length) return async () => undefined;
  if (!openTransforms)
    throw new StorageError('misconfigured', 'the transfer has transforms, which this worker cannot open');
  let opened: Promise<FileTransforms> | undefined;
  return async (file) => {
    if (isCompanion(file)) return undefined;
    opened ??= openTransforms(signal);
    return await opened;
  };
}

/** One file on its way through its transforms. */
export class Transformation {
  readonly #transforms: FileTransforms;
  readonly #file: FileToMove;
  readonly #hash: FileHash;
  #bytes = 0;
  #stages: readonly TransformStage[] | undefined;

  constructor(transforms: FileTransforms, file: FileToMove, checksums: ReadonlySet<ChecksumAlgorithm>) {
    this.#transforms = transforms;
    this.#file = file;
    this.#hash = new FileHash(checksums);
  }

  get ended(): boolean {
    return this.#stages !== undefined;
  }

  /** The transformed bytes. The source is read to its end in any case: what no step wants is part of it all the same. */
  async *of(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { sourcePath, modifiedAt } = this.#file;
    const facts = { name: baseName(sourcePath), ...(modifiedAt && { modifiedAt }) };
    const transformed = this.#transforms.apply(leftOpen(source), facts);
    try {
      for await (const chunk of transformed.body) {
        this.#hash.update(chunk);
        this.#bytes += chunk.length;
        yield chunk;
      }
      while (!(await source.next()).done);
      this.#stages = transformed.report();
    } finally {
      await source.return(undefined);
    }
  }

  /** To be asked for once, after all bytes were taken. @param sourceSha256 of what was read */
  result(sourceSha256: string): HashedBytes & { readonly transformed: Transformed } {
    return {
      bytes: this.#bytes,
      checksums: this.#hash.checksums(),
      transformed: { sourceSha256, stages: this.#stages ?? [] },
    };
  }
}

/** Without the means to end it before its end. */
function leftOpen(source: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
}
