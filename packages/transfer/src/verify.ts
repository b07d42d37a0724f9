import { createHash } from 'node:crypto';
import type { Assurance, RemotePath } from '@waybill/domain';
import { type FileInfo, type StorageEndpoint, StorageError } from '@waybill/storage';
import { isCode, type RunContext, statIfAny } from './run-context.js';

/** A whole file: its length and the SHA-256 (hex) of its bytes. */
export interface Whole {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * What the other side's own hash says of a file.
 * - `same`: it holds the bytes that are expected
 * - `other`: it does not, says the other side
 * - `untold`: it does not say, or it may have looked at another file
 */
export type Hashed = { readonly kind: 'same' } | { readonly kind: 'other' | 'untold'; readonly why: string };

/** Two ways of telling which bytes a file holds. */
export type Held = Extract<Assurance, 'read-back' | 'remote-hash'>;

/** Reads the file at `path` to its end. */
export async function wholeOf(
  endpoint: StorageEndpoint,
  path: RemotePath,
  signal: AbortSignal,
): Promise<Whole> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of endpoint.read(path, { signal })) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * Has the target hash the file at `path` itself, or its first `bytes`. Only an equal hash proves anything.
 * @throws StorageError `not-found` if there is no file
 */
export async function askForHash(
  { target, signal }: Pick<RunContext, 'target' | 'signal'>,
  path: RemotePath,
  expected: string,
  bytes?: number,
): Promise<Hashed> {
  if (!target.hash) return { kind: 'untold', why: `${target.label} has no way to tell a hash` };
  const found = await target.hash(path, { signal, ...(bytes !== undefined && { bytes }) });
  if (found.kind === 'untold') return found;
  if (found.sha256 === expected) return { kind: 'same' };
  const why = `asked for its hash, ${target.label} says SHA-256 ${found.sha256} of ${path}, but ${expected} was sent`;
  return found.certain
    ? { kind: 'other', why }
    : { kind: 'untold', why: `${why}; it may have looked at another file of this name` };
}

/**
 * Does the file at `path` of the target have exactly these bytes? If its size is right, the target is asked for its
 * hash; unless that is the one, the file is read.
 * @returns how it was told that it has
 */
export async function holds(run: RunContext, path: RemotePath, whole: Whole): Promise<Held | undefined> {
  const found = await statIfAny(run.target, path, run.signal);
  if (found?.size !== whole.bytes) return undefined;
  try {
    if ((await askForHash(run, path, whole.sha256)).kind === 'same') return 'remote-hash';
    const { sha256 } = await wholeOf(run.target, path, run.signal);
    return sha256 === whole.sha256 ? 'read-back' : undefined;
  } catch (error) {
    if (isCode(error, 'not-found')) return undefined;
    throw error;
  }
}

/**
 * Proves that the part file at `path` holds what was sent, as strongly as the run requires.
 * @param held what `put` said that the target holds; `undefined` if nobody may look
 * @returns the strongest proof that there is
 * @throws StorageError `corrupted`; `unproven` if the proof can't be had
 */
export async function verifyPart(
  run: RunContext,
  path: RemotePath,
  sent: Whole,
  held: FileInfo | undefined,
): Promise<Assurance> {
  if (held) refuseOtherSize(run, path, sent, held);
  if (run.proof === 'none' || run.proof === 'size') return held ? 'size' : 'none';
  const hashed = await askForHash(run, path, sent.sha256);
  if (hashed.kind === 'same') return 'remote-hash';
  if (hashed.kind === 'untold' && run.proof === 'remote-hash') throw withoutHash(run, path, hashed.why);
  // A hash that differs is looked into before it costs a good file: servers compute strange things.
  await readBack(run, path, sent, hashed);
  if (run.proof === 'remote-hash')
    throw withoutHash(run, path, `${hashed.why}; reading it back gives what was sent`);
  if (hashed.kind === 'other') run.warn(`${hashed.why}; reading it back gives what was sent`, undefined);
  return 'read-back';
}

function refuseOtherSize({ target }: RunContext, path: RemotePath, sent: Whole, held: FileInfo): void {
  if (held.size === sent.bytes) return;
  throw new StorageError(
    'corrupted',
    `${path} at ${target.label} has ${held.size} bytes, but ${sent.bytes} were sent; it is sent again by the next attempt`,
    { owner: target.properties.owner },
  );
}

async function readBack(run: RunContext, path: RemotePath, sent: Whole, hashed: Hashed): Promise<void> {
  const { target, signal } = run;
  const where = `${path} at ${target.label}`;
  const found = await wholeOf(target, path, signal).catch((error: unknown) => {
    if (!isCode(error, 'permission-denied', 'unsupported')) throw error;
    if (hashed.kind === 'other')
      throw new StorageError('corrupted', `${hashed.why}; it is sent again by the next attempt`, {
        cause: error,
        owner: target.properties.owner,
      });
    throw new StorageError(
      'unproven',
      `${where} was sent, but can't be read back as "${run.proof}" requires: ${error.message}. Have the partner allow ` +
        'reading, or require "size"',
      { cause: error },
    );
  });
  if (found.sha256 === sent.sha256) return;
  throw new StorageError(
    'corrupted',
    `${where} reads back as SHA-256 ${found.sha256} (${found.bytes} bytes), but ${sent.sha256} ` +
      `(${sent.bytes} bytes) was sent; it is sent again by the next attempt`,
    { owner: target.properties.owner },
  );
}

function withoutHash({ target }: RunContext, path: RemotePath, why: string): StorageError {
  return new StorageError(
    'unproven',
    `${path} at ${target.label} was sent, but "remote-hash" requires a hash of the server's own, and there is none: ` +
      `${why}. Have the partner offer check-file, allow remoteHash "shell" for the endpoint, or require "read-back"`,
  );
}
