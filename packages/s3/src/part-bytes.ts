const MIB = 1024 * 1024;
const FIRST_PART_BYTES = 8 * MIB;
const LARGEST_PART_BYTES = 1024 * MIB;
const PARTS_OF_ONE_SIZE = 800;

/** The limits of S3 (Amazon S3 User Guide, "Multipart upload limits"); most other servers have the same. */
export const MAX_PARTS = 10_000;
export const MAX_OBJECT_BYTES = 5 * 1024 * 1024 * MIB;

/**
 * Size of the part with this number, counted from 1. Nobody knows how long a body will be: parts start small and double
 * every 800, so that the 10,000 that S3 allows hold 5 TiB while a usual file is sent in small ones.
 */
export function partBytes(number: number): number {
  const doublings = Math.floor((number - 1) / PARTS_OF_ONE_SIZE);
  return Math.min(LARGEST_PART_BYTES, FIRST_PART_BYTES * 2 ** doublings);
}

export interface Part {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Buffer;
}

/** Cuts a body into parts, each of its full size but the last. An empty body is one empty part. */
export async function* inParts(
  body: AsyncIterable<Uint8Array>,
  sizeOf: (number: number) => number = partBytes,
): AsyncGenerator<Part> {
  let number = 1;
  let chunks: Uint8Array[] = [];
  let held = 0;
  for await (let chunk of body) {
    while (held + chunk.length >= sizeOf(number)) {
      const rest = sizeOf(number) - held;
      yield { number, bytes: Buffer.concat([...chunks, chunk.subarray(0, rest)]) };
      number++;
      chunk = chunk.subarray(rest);
      chunks = [];
      held = 0;
    }
    if (chunk.length > 0) chunks.push(chunk);
    held += chunk.length;
  }
  if (held > 0 || number === 1) yield { number, bytes: Buffer.concat(chunks) };
}
