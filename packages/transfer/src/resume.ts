import { createHash, type Hash } from 'node:crypto';
import type { RemotePath } from '@waybill/domain';
import type { StorageEndpoint } from '@waybill/storage';
import { isCode } from './run-context.js';
import type { Checkpoint } from './run-journal.js';

/** Where a move starts, and the hash of everything before. */
export interface StartPoint {
  readonly bytes: number;
  readonly hash: Hash;
}

export function fromTheStart(): StartPoint {
  return { bytes: 0, hash: createHash('sha256') };
}

/**
 * May the part file be continued at the checkpoint? Reads its prefix back from the target: only if these are the very
 * bytes that were sent does the move go on behind them, else it starts over.
 */
export async function startPoint(
  target: StorageEndpoint,
  partPath: RemotePath,
  checkpoint: Checkpoint | undefined,
  signal: AbortSignal,
): Promise<StartPoint> {
  if (!checkpoint || !target.properties.continues) return fromTheStart();
  const prefix = await hashPrefix(target, partPath, checkpoint.bytes, signal);
  const unchanged =
    prefix?.bytes === checkpoint.bytes && prefix.hash.copy().digest('hex') === checkpoint.sha256;
  return unchanged ? prefix : fromTheStart();
}

/** The first `length` bytes of a file, or all of a shorter one; `undefined` if there is none, or it may not be read. */
async function hashPrefix(
  target: StorageEndpoint,
  path: RemotePath,
  length: number,
  signal: AbortSignal,
): Promise<StartPoint | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of target.read(path, { signal })) {
      const wanted = chunk.subarray(0, length - bytes);
      hash.update(wanted);
      bytes += wanted.length;
      if (bytes === length) break;
    }
  } catch (error) {
    // Drop boxes let nobody read.
    if (isCode(error, 'not-found', 'permission-denied', 'unsupported')) return undefined;
    throw error;
  }
  return { bytes, hash };
}
