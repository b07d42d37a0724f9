import type { Hash } from 'node:crypto';
import type { Assurance } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { concernsOneFile } from './failure-reach.js';
import { appendUnknown, type Extent, extentOf, type JoiningPart, readExtent } from './joined.js';
import { removePart } from './part-file.js';
import { markDelivered, renameOnto } from './rename-onto.js';
import { type FileToMove, isCode, type RunContext, statIfAny } from './run-context.js';
import type { PlacedPart, WholePart } from './run-journal.js';
import { verifyPart } from './verify.js';

/**
 * Conflict rule `append`: the part's bytes are written behind those of the file that has the final name, at the offset
 * that was written down before, so that writing them again changes nothing. Where there is no such file, the part file
 * becomes it.
 * @throws StorageError `outcome-unknown` if the file is not what it was, nor that with what we have appended
 */
export async function commitAppended(
  run: RunContext,
  file: FileToMove,
  proof: WholePart,
): Promise<PlacedPart> {
  const { targetPath } = file;
  const { joined } = proof;
  if (joined) {
    const placed = { ...proof, targetPath, joined };
    await run.journal.committing(file.id, placed);
    return extend(run, file, placed, await extentOf(run, file, placed));
  }
  let found = await fileBefore(run, file);
  if (!found) {
    const made = await renameOnto(run, file, proof, { replace: false });
    if (!(made instanceof StorageError)) return made;
    found = await fileBefore(run, file);
    if (!found) throw made;
  }
  const before = { bytes: found.bytes, sha256: found.whole.copy().digest('hex') };
  const placed = { ...proof, targetPath, joined: before };
  await run.journal.committing(file.id, placed);
  return extend(run, file, placed, found);
}

async function fileBefore(run: RunContext, file: FileToMove): Promise<Extent | undefined> {
  try {
    return await readExtent(run, file);
  } catch (error) {
    if (isCode(error, 'not-found')) return undefined;
    throw error;
  }
}

async function extend(
  run: RunContext,
  file: FileToMove,
  placed: JoiningPart,
  extent: Extent,
): Promise<PlacedPart> {
  // To put is to cut what is behind the offset: what others have added since must not be.
  const now = await statIfAny(run.target, placed.targetPath, run.signal);
  if (now?.size !== extent.found) throw appendUnknown(run, placed);
  const assurance = await writeOn(run, file, placed, extent).catch(async (error: unknown) => {
    throw await ifUntouched(run, placed, error);
  });
  await removePart(run, file);
  await markDelivered(run, file, { ...placed, assurance });
  return { ...placed, assurance };
}

/** @returns how the file with all that was appended is proven */
async function writeOn(
  run: RunContext,
  { partPath }: FileToMove,
  { joined, bytes, sha256, targetPath }: JoiningPart,
  extent: Extent,
): Promise<Assurance> {
  const { target, signal } = run;
  const rest = target.read(partPath, { signal, start: extent.bytes - joined.bytes });
  const held = await target.put(targetPath, hashed(rest, extent), { signal, start: extent.bytes });
  const added = extent.added.digest('hex');
  if (added !== sha256)
    throw new StorageError(
      'corrupted',
      `${partPath} at ${target.label} reads as SHA-256 ${added}, not ${sha256}`,
    );
  return verifyPart(
    run,
    targetPath,
    { bytes: joined.bytes + bytes, sha256: extent.whole.digest('hex') },
    held,
  );
}

async function* hashed(
  body: AsyncIterable<Uint8Array>,
  { whole, added }: { readonly whole: Hash; readonly added: Hash },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    whole.update(chunk);
    added.update(chunk);
    yield chunk;
  }
}

/**
 * What would be the failure of this file alone must not leave a piece of it in the file of others: then a person has to
 * look. After any other error, the next attempt does.
 */
async function ifUntouched(run: RunContext, placed: JoiningPart, error: unknown): Promise<unknown> {
  if (!concernsOneFile(run, error)) return error;
  const found = await statIfAny(run.target, placed.targetPath, run.signal).catch((refused: unknown) => {
    if (concernsOneFile(run, refused)) return undefined;
    throw refused;
  });
  return found?.size === placed.joined.bytes ? error : appendUnknown(run, placed, error);
}
