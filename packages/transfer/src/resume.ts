import type { RemotePath } from '@waybill/domain';
import type { StorageEndpoint } from '@waybill/storage';
import { FileHash } from './file-hash.js';
import { type FileToMove, isCode, type RunContext } from './run-context.js';
import type { Checkpoint } from './run-journal.js';
import { askForHash } from './verify.js';

/** Where a move starts, and the hash of everything before. */
export interface StartPoint {
  readonly bytes: number;
  readonly hash: FileHash;
}

export function fromTheStart({ checksums }: Pick<RunContext, 'checksums'>): StartPoint {
  return { bytes: 0, hash: new FileHash(checksums) };
}

/**
 * May the part file be continued at the checkpoint? Only if its prefix is the very bytes that were sent does the move go
 * on behind them, else it starts over.
 */
export async function startPoint(run: RunContext, file: FileToMove): Promise<StartPoint> {
  const { checkpoint } = file;
  if (!checkpoint || !run.target.properties.continues || !run.ownParts.ownPart(file))
    return fromTheStart(run);
  // Encryption and the like put out other bytes each time: what transforms change starts over.
  if (await run.transformsOf(file)) return fromTheStart(run);
  return (
    (await provenByHash(run, file, checkpoint)) ??
    (await prefixThatFits(run, run.target, file.partPath, checkpoint)) ??
    fromTheStart(run)
  );
}

/**
 * The target's own hash spares reading the prefix back over the line. To go on hashing behind it takes the bytes all the
 * same: from the source, which is worth it only where that is nearer than the target.
 */
async function provenByHash(
  run: RunContext,
  file: FileToMove,
  checkpoint: Checkpoint,
): Promise<StartPoint | undefined> {
  if (!run.target.hash || !run.source.properties.nearby) return undefined;
  const { bytes, sha256 } = checkpoint;
  const hashed = await askForHash(run, file.partPath, sha256, bytes).catch((error: unknown) => {
    if (isCode(error, 'not-found')) return undefined;
    throw error;
  });
  if (hashed?.kind !== 'same') return undefined;
  return prefixThatFits(run, run.source, file.readPath, checkpoint);
}

/** Reads the first bytes of a file; `undefined` unless they are those of the checkpoint. */
async function prefixThatFits(
  run: RunContext,
  endpoint: StorageEndpoint,
  path: RemotePath,
  checkpoint: Checkpoint,
): Promise<StartPoint | undefined> {
  const prefix = await hashPrefix(run, endpoint, path, checkpoint.bytes);
  const fits = prefix?.bytes === checkpoint.bytes && prefix.hash.copy().digest('hex') === checkpoint.sha256;
  return fits ? prefix : undefined;
}

/** The first `length` bytes of a file, or all of a shorter one; `undefined` if there is none, or it may not be read. */
export async function hashPrefix(
  { checksums, signal }: RunContext,
  endpoint: StorageEndpoint,
  path: RemotePath,
  length: number,
): Promise<StartPoint | undefined> {
  const hash = new FileHash(checksums);
  let bytes = 0;
  try {
    for await (const chunk of endpoint.read(path, { signal })) {
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
