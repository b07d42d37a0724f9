import { type FileInfo, StorageError } from '@waybill/storage';
import { Checkpoints } from './checkpoints.js';
import type { FileHash, HashedBytes } from './file-hash.js';
import { hasToBeFresh, isInPlace, type Making, partTaken } from './part-file.js';
import { requiredChecksum } from './required-checksum.js';
import { startPoint } from './resume.js';
import { type FileToMove, isCode, isSameVersion, type RunContext, statIfAny } from './run-context.js';
import { Superseded, type WholePart } from './run-journal.js';
import { Transformation } from './transform-file.js';
import { verifyPart } from './verify.js';

/** What was read so far: the count and the hashes of exactly these bytes. */
interface Read {
  bytes: number;
  readonly hash: FileHash;
}

/**
 * Brings the bytes of the source, or what transforms make of them, into the part file, from where an earlier attempt
 * stopped if that can be proven, and verifies what arrived.
 * @throws StorageError `source-changed` if the source is not the file any more that `file` says; `corrupted` if the
 * target holds other bytes; `unproven` if it can't be proven what it holds; `transform-failed`; `checksum-mismatch`. The
 * part file is left as it is.
 */
export async function copyToPart(run: RunContext, file: FileToMove): Promise<WholePart> {
  const refuseOtherBytes = await requiredChecksum(run, file);
  const start = await startPoint(run, file);
  const { partPath, targetPath } = file;
  await run.journal.moving(file.id, { partPath, targetPath, resumedFrom: start.bytes });
  if (start.bytes === 0 && file.begun) await startOver(run, file);
  run.meter.moved(file.id, start.bytes, file.size);

  const read: Read = { bytes: start.bytes, hash: start.hash };
  const transforms = await run.transformsOf(file);
  const transformation = transforms && new Transformation(transforms, file, run.checksums);
  const held = await putWithCheckpoints(run, file, read, transformation);
  await refuseOtherVersion(run, file, read);
  if (read.bytes !== file.size || transformation?.ended === false) throw endedEarly(run, file, read);
  const checksums = read.hash.checksums();
  refuseOtherBytes(checksums);
  const sent = sentOf(run, transformation?.result(checksums.sha256) ?? { bytes: read.bytes, checksums });
  return { ...sent, assurance: await verifyPart(run, file.partPath, sent, held) };
}

/** What is on record of the bytes that were put. */
function sentOf(
  { definition }: RunContext,
  { checksums, ...put }: HashedBytes & Pick<WholePart, 'transformed'>,
): Omit<WholePart, 'assurance'> {
  const { algorithm = 'sha256' } = definition.target.checksumFile ?? {};
  const checksum = algorithm === 'sha256' ? undefined : checksums[algorithm];
  return { ...put, sha256: checksums.sha256, ...(checksum !== undefined && { checksum }) };
}

/** An attempt that was given up for lost may still hold the old part file open: then it writes into nothing. */
async function startOver(run: RunContext, file: FileToMove): Promise<void> {
  const path = run.ownParts.ownPart(file);
  if (path === undefined) return;
  await run.target.remove(path, { signal: run.signal });
  await run.ownParts.release(file.id);
}

/** @returns what the target then says it holds; `undefined` if nobody may look, and that is no proof that is required */
async function putWithCheckpoints(
  run: RunContext,
  file: FileToMove,
  read: Read,
  transformation: Transformation | undefined,
): Promise<FileInfo | undefined> {
  const checkpoints = new Checkpoints({
    write: (checkpoint) => run.journal.checkpoint(file.id, checkpoint),
    everyBytes: transformation ? Number.POSITIVE_INFINITY : run.checkpointEveryBytes,
    start: read.bytes,
    now: run.now,
  });
  const source = body(run, file, read, checkpoints);
  const making = run.ownParts.making(file);
  const fresh = read.bytes === 0 && hasToBeFresh(run, file);
  try {
    const held = await run.target.put(file.partPath, transformation ? transformation.of(source) : source, {
      signal: run.signal,
      ...{ start: read.bytes, fresh },
      onProgress: (bytes) => {
        making.made();
        run.meter.moved(file.id, transformation ? read.bytes : bytes, file.size);
        checkpoints.acknowledged(bytes);
      },
    });
    making.made();
    await Promise.all([checkpoints.settle(), making.settle()]);
    return held;
  } catch (error) {
    if (isCode(error, 'unproven') && run.proof !== 'size') {
      making.made();
      await Promise.all([checkpoints.settle(), making.settle()]);
      return undefined;
    }
    if (fresh && isCode(error, 'already-exists') && !isInPlace(file)) throw partTaken(run, file, error);
    await saveForNextAttempt(run, { checkpoints, making }, error);
    // A file that is still being written looks damaged to the transforms.
    if (isCode(error, 'transform-failed')) await refuseOtherVersion(run, file, read);
    throw error;
  }
}

/** The bytes of the source from `read.bytes` on. Ends only if they were as many as the file had when it was looked at. */
async function* body(
  run: RunContext,
  file: FileToMove,
  read: Read,
  checkpoints: Checkpoints,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of run.source.read(file.readPath, { signal: run.signal, start: read.bytes })) {
    read.hash.update(chunk);
    read.bytes += chunk.length;
    if (read.bytes > file.size) throw sourceChanged(run, file, read);
    checkpoints.hashed(read.bytes, read.hash);
    yield chunk;
  }
  if (read.bytes !== file.size) throw sourceChanged(run, file, read);
}

/** Not after the run was taken over: then the journal is somebody else's. */
async function saveForNextAttempt(
  run: RunContext,
  { checkpoints, making }: { readonly checkpoints: Checkpoints; readonly making: Making },
  cause: unknown,
): Promise<void> {
  if (cause instanceof Superseded || run.signal.reason instanceof Superseded) return;
  try {
    await making.settle();
    await checkpoints.flush();
  } catch (error) {
    if (error instanceof Superseded) throw error;
    run.warn('how far it came could not be written down; the next attempt moves more bytes again', error);
  }
}

/** @throws StorageError `source-changed` */
async function refuseOtherVersion(run: RunContext, file: FileToMove, read: Read): Promise<void> {
  // Gone: a mailbox that gives each file once, or somebody who took it away. It was read to the length that it had.
  const found = await statIfAny(run.source, file.readPath, run.signal);
  if (found && !isSameVersion(file, found)) throw sourceChanged(run, file, read);
}

function endedEarly({ target }: RunContext, file: FileToMove, read: Read): StorageError {
  return new StorageError(
    'corrupted',
    `${target.label} took ${read.bytes} of the ${file.size} bytes of ${file.sourcePath} and said that it was ` +
      'done; it is sent again by the next attempt',
    { owner: target.properties.owner },
  );
}

function sourceChanged(run: RunContext, file: FileToMove, read: Read): StorageError {
  return new StorageError(
    'source-changed',
    `${file.sourcePath} at ${run.source.label} changed while it was read: it had ${file.size} bytes at the start, ` +
      `${read.bytes} were read; the next attempt reads it again`,
    { owner: run.source.properties.owner },
  );
}
