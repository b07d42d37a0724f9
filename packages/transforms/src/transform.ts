import type { StageFindings, TransformKind } from '@waybill/domain';

/**
 * Turns the bytes of a file into others, piece by piece: it reads only as fast as its output is taken.
 *
 * Most damage shows at the end of a file only, when pieces of the output are out already. So whoever takes the output
 * commits it (renames the part file) only after the iteration ended without an error.
 */
export type Transform = (input: AsyncIterable<Uint8Array>, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** What a transform may know of the file. */
export interface FileFacts {
  /** Its name before the first step. */
  readonly name: string;
  readonly modifiedAt?: Date;
}

/** One opened step: what it needs of keys and settings is there. */
export interface Stage {
  readonly kind: TransformKind;
  /** @param found is called, before the output ends, with what the receipt should say beside size and hash */
  forFile(file: FileFacts, found: (findings: StageFindings) => void): Transform;
}
