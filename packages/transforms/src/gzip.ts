import { createGunzip, createGzip } from 'node:zlib';
import { ByteReader } from './byte-reader.js';
import { inflate, through } from './compression.js';
import { type ExpansionLimits, withinLimits } from './limits.js';
import type { Transform } from './transform.js';
import { TransformError } from './transform-error.js';

/** RFC 1952, one member, without name and time, so that the same input gives the same output. */
export function gzip(level?: number): Transform {
  return (input, signal) => through(input, createGzip(level === undefined ? {} : { level }), signal);
}

/** RFC 1952: members one after the other count as one file, and zeros may follow them, as tapes leave them. */
export function gunzip(limits: ExpansionLimits): Transform {
  return async function* (input) {
    const reader = new ByteReader(input);
    try {
      yield* withinLimits(inflate(reader, createGunzip()), () => reader.position, limits);
      await onlyZeros(reader);
    } finally {
      await reader.close();
    }
  };
}

async function onlyZeros(reader: ByteReader): Promise<void> {
  for (let chunk = await reader.chunk(); chunk; chunk = await reader.chunk())
    if (chunk.some((byte) => byte !== 0))
      throw new TransformError(
        'damaged',
        'other data follows the end of the gzip data; ask for the file again',
      );
}
