import { TransformError } from './transform-error.js';

/** How far a file may expand when it is unpacked or decrypted. */
export interface ExpansionLimits {
  /** Bytes that one step may put out. */
  readonly maxBytes: number;
  /** Bytes out for each byte in; looked at only beyond {@link RATIO_COUNTS_FROM}, since small results do no harm. */
  readonly maxRatio: number;
  /** Entries that an archive may hold, those included that are passed over. */
  readonly maxEntries: number;
}

/** Text as repetitive as logs shrinks to a hundredth; a bomb of zeros to a thousandth. */
export const defaultLimits: ExpansionLimits = {
  maxBytes: 64 * 1024 ** 3,
  maxRatio: 250,
  maxEntries: 1000,
};

export const RATIO_COUNTS_FROM = 16 * 1024 ** 2;

/** Passes `output` on while it is within the limits. @param taken the bytes of input that were used so far */
export async function* withinLimits(
  output: AsyncIterable<Uint8Array>,
  taken: () => number,
  limits: ExpansionLimits,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of output) {
    bytes += chunk.length;
    if (bytes > limits.maxBytes)
      throw new TransformError(
        'too-large',
        `the content is larger than the limit of ${limits.maxBytes} bytes; raise it if the file may be so large`,
      );
    if (bytes > RATIO_COUNTS_FROM && bytes > taken() * limits.maxRatio)
      throw new TransformError(
        'too-large',
        `${taken()} bytes expand to more than ${bytes}, beyond the limit of ${limits.maxRatio} for each byte, as in a ` +
          'decompression bomb; raise the limit if the file is what it should be',
      );
    yield chunk;
  }
}
