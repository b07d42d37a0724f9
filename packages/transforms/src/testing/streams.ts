import type { TransformSpec, TransformStage } from '@waybill/domain';
import { type ExpansionLimits, type KeySource, openKeyRing, openTransforms } from '../index.js';

export const noKeys: KeySource = {
  publicKey: async () => undefined,
  privateKey: async () => undefined,
};

export interface RunOptions {
  readonly keys?: KeySource;
  readonly limits?: Partial<ExpansionLimits>;
  readonly name?: string;
  readonly modifiedAt?: Date;
  readonly signal?: AbortSignal;
}

/** `input` through `specs`, opened for it alone. */
export async function transform(
  specs: readonly TransformSpec[],
  input: Uint8Array | string | AsyncIterable<Uint8Array>,
  options: RunOptions = {},
): Promise<{ output: Buffer; report: readonly TransformStage[] }> {
  const {
    keys = noKeys,
    limits = {},
    name = 'day.csv',
    modifiedAt,
    signal = new AbortController().signal,
  } = options;
  const opened = await openTransforms(specs, { keys: openKeyRing(keys), limits, signal });
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  const body = bytes instanceof Uint8Array ? inPieces(bytes) : bytes;
  const file = opened.apply(body, { name, ...(modifiedAt && { modifiedAt }) });
  const output = await collect(file.body);
  return { output, report: file.report() };
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Pieces of `size` bytes, so that borders fall everywhere in the end. */
export async function* inPieces(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
