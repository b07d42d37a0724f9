import { createHash, type Hash } from 'node:crypto';
import { StorageError } from '@waybill/storage';
import type { Finding } from './reconcile.js';
import { hashPrefix } from './resume.js';
import { type FileToMove, isCode, type RunContext, statIfAny } from './run-context.js';
import type { Checkpoint, PlacedPart } from './run-journal.js';
import { holds } from './verify.js';

/** A part that is appended to the target's file of its final name, and that file as it was before. */
export interface JoiningPart extends PlacedPart {
  readonly joined: Checkpoint;
}

/** The target's file as far as it goes: the one before, and as much of the part behind it. */
export interface Extent {
  /** Without a hole. */
  readonly bytes: number;
  /** The length of the file: more than `bytes` where there is a hole. */
  readonly found: number;
  /** Of these bytes, and of those that are appended; to be gone on with. */
  readonly whole: Hash;
  readonly added: Hash;
}

/** Reads the target's file, of which `before` bytes were there before, to its end or up to `length`. */
export async function readExtent(
  { target, signal }: RunContext,
  { targetPath }: Pick<FileToMove, 'targetPath'>,
  before = Number.POSITIVE_INFINITY,
  length = Number.POSITIVE_INFINITY,
): Promise<Extent & { readonly before: Hash }> {
  const [whole, old, added] = [createHash('sha256'), createHash('sha256'), createHash('sha256')];
  let bytes = 0;
  for await (const found of target.read(targetPath, { signal })) {
    const chunk = found.subarray(0, length - bytes);
    const boundary = Math.max(0, before - bytes);
    whole.update(chunk);
    old.update(chunk.subarray(0, boundary));
    added.update(chunk.subarray(boundary));
    bytes += chunk.length;
    if (bytes === length) break;
  }
  return { bytes, found: bytes, whole, before: old, added };
}

/**
 * How far an append has come that nobody heard the end of.
 * @throws StorageError `outcome-unknown` unless the file is the one before with a beginning of the part behind it, or all
 * of it, or nothing
 */
export async function extentOf(run: RunContext, file: FileToMove, placed: JoiningPart): Promise<Extent> {
  const { joined, targetPath } = placed;
  const extent = await readExtent(run, { targetPath }, joined.bytes).catch((error: unknown) => {
    throw isCode(error, 'not-found') ? appendUnknown(run, placed, error) : error;
  });
  const added = extent.bytes - joined.bytes;
  if (extent.before.digest('hex') !== joined.sha256 || added < 0 || added > placed.bytes)
    throw appendUnknown(run, placed);
  if (await isOurs(run, file, placed, extent)) return extent;
  const unbroken = await upToHole(run, file, placed);
  if (unbroken === undefined) throw appendUnknown(run, placed);
  const beforeHole = await readExtent(run, { targetPath }, joined.bytes, joined.bytes + unbroken);
  return { ...beforeHole, found: extent.found };
}

async function isOurs(
  run: RunContext,
  { partPath }: FileToMove,
  { joined, bytes, sha256 }: JoiningPart,
  extent: Extent,
): Promise<boolean> {
  const added = extent.bytes - joined.bytes;
  const found = extent.added.copy().digest('hex');
  if (added === bytes) return found === sha256;
  if (added === 0) return true;
  const part = await hashPrefix(run, run.target, partPath, added);
  return part?.bytes === added && part.hash.copy().digest('hex') === found;
}

/**
 * Bytes that travel side by side arrive in any order: an append that was cut off can leave holes, which read as zeros.
 * @returns how many bytes of the part come before the first one; `undefined` if there is none, or anything that is not ours
 */
async function upToHole(
  { target, signal }: RunContext,
  { partPath }: FileToMove,
  { joined, targetPath }: JoiningPart,
): Promise<number | undefined> {
  if (!(await statIfAny(target, partPath, signal))) return undefined;
  let hole: number | undefined;
  let at = 0;
  const expected = new Taker(target.read(partPath, { signal }));
  try {
    for await (const chunk of target.read(targetPath, { signal, start: joined.bytes })) {
      const part = await expected.take(chunk.length);
      for (const [i, byte] of chunk.entries()) {
        if (byte === part[i]) continue;
        if (byte !== 0) return undefined;
        hole ??= at + i;
      }
      at += chunk.length;
    }
  } finally {
    await expected.close();
  }
  return hole;
}

/** Takes bytes in pieces of any length. */
class Taker {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** @returns fewer than `length` at the end */
  async take(length: number): Promise<Buffer> {
    while (this.#rest.length < length) {
      const next = await this.#chunks.next();
      if (next.done) break;
      this.#rest = Buffer.concat([this.#rest, next.value]);
    }
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** As {@link Finding} says: `ready` to be appended, or to be gone on with. @throws StorageError `outcome-unknown` */
export async function reconcileAppend(
  run: RunContext,
  file: FileToMove,
  placed: JoiningPart,
): Promise<Finding> {
  const { joined, bytes } = placed;
  const extent = await extentOf(run, file, placed);
  if (extent.bytes === joined.bytes + bytes) return { kind: 'arrived', assurance: 'read-back' };
  const assurance = await holds(run, file.partPath, placed);
  if (assurance) return { kind: 'ready', assurance };
  if (extent.bytes === joined.bytes) return { kind: 'unusable' };
  throw appendUnknown(run, placed);
}

export function appendUnknown({ target }: RunContext, placed: JoiningPart, cause?: unknown): StorageError {
  const { joined, bytes, sha256, targetPath } = placed;
  return new StorageError(
    'outcome-unknown',
    `${targetPath} at ${target.label}: ${bytes} bytes (SHA-256 ${sha256}) were to be appended to it, and it is neither as ` +
      `it was before (${joined.bytes} bytes, SHA-256 ${joined.sha256}) nor that with a beginning of these bytes, or all of ` +
      'them: somebody else has written to it, or it could not be extended. Look at its end; retry the run only if all of ' +
      'these bytes have to be appended to the file as it is then',
    { cause },
  );
}
