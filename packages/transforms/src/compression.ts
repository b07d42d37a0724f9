import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Gunzip, InflateRaw } from 'node:zlib';
import type { ByteReader } from './byte-reader.js';
import { TransformError } from './transform-error.js';

/** What comes out of `stream` when all of `input` went in. */
export async function* through(
  input: AsyncIterable<Uint8Array>,
  stream: Duplex,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const moved = pipeline(Readable.from(input, { highWaterMark: 1 }), stream, { signal });
  // Not lost: a failure destroys the stream, so that the iteration below throws it too.
  moved.catch(() => {});
  yield* stream;
  await moved;
}

/**
 * What comes out of `engine` until it has all that it wants; the bytes after that are left in `reader`.
 * @throws TransformError `damaged` if it refuses the bytes, or they end too early
 */
export async function* inflate(reader: ByteReader, engine: Gunzip | InflateRaw): AsyncGenerator<Uint8Array> {
  const start = reader.position;
  const fed = feed(reader, engine);
  fed.catch((error: Error) => engine.destroy(error));
  try {
    yield* engine;
    await fed;
  } catch (cause) {
    if (!isZlibError(cause)) throw cause;
    const what =
      cause.code === 'Z_BUF_ERROR'
        ? 'is cut short'
        : `does not fit its format or checksum (${cause.message})`;
    throw new TransformError('damaged', `the compressed data that starts at byte ${start} ${what}`, {
      cause,
    });
  }
}

/** One piece at a time, because what the engine leaves of a piece belongs to whoever reads next. */
async function feed(reader: ByteReader, engine: Gunzip | InflateRaw): Promise<void> {
  for (let fed = 0; ; ) {
    const chunk = await reader.chunk();
    if (!chunk) {
      engine.end();
      return;
    }
    fed += chunk.length;
    await new Promise<void>((resolve, reject) => {
      engine.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    const unused = fed - engine.bytesWritten;
    if (unused > 0) {
      reader.unread(chunk.subarray(chunk.length - unused));
      return;
    }
  }
}

function isZlibError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}
