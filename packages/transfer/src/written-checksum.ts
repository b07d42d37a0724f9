import { createHash } from 'node:crypto';
import { baseName, writeChecksumFile } from '@waybill/domain';
import { isPartOf, partPathBy } from '@waybill/domain/naming';
import { companionFinder } from '@waybill/domain/selection';
import { StorageError } from '@waybill/storage';
import { concernsOneFile } from './failure-reach.js';
import { discard, hasToBeFresh, isInPlace, partTaken } from './part-file.js';
import { type FileToMove, isCode, type RunContext, statIfAny } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';
import { holds, verifyPart, type Whole } from './verify.js';

/** What a checksum file of ours may name of the bytes at the target, in hex; answers are waited for once it is there. */
export type Arrived = Pick<DeliveryRecord, 'sha256' | 'checksum' | 'awaitedSince'>;

/**
 * Puts the checksum file beside a delivered file, where the definition wants one: whole or not at all, proven as its
 * file was. Done again by an attempt that can't tell whether it was.
 * @throws StorageError `already-exists` if another file has its name, unless the conflict rule is `replace`
 */
export async function writeChecksum(run: RunContext, file: FileToMove, arrived: Arrived): Promise<void> {
  const { checksumFile: rule } = run.definition.target;
  if (!rule || run.isCompanion(file) || arrived.awaitedSince) return;
  const path = companionFinder(rule.name)(file.targetPath);
  const checksum = rule.algorithm === 'sha256' ? arrived.sha256 : arrived.checksum;
  if (path === undefined || checksum === undefined)
    throw new StorageError('unknown', `the record of ${file.targetPath} lacks what its checksum file names`);
  const { partNaming } = run.target.properties;
  const beside = { ...file, targetPath: path, partPath: partPathBy(partNaming, file.id, path) };
  const content = Buffer.from(writeChecksumFile(baseName(file.targetPath), checksum, rule));
  try {
    if (isInPlace(beside)) await run.journal.disposing(file.id);
    const sent = await putWhole(run, beside, content);
    if (isInPlace(beside)) return;
    await run.journal.disposing(file.id);
    await nameIt(run, beside, sent);
  } catch (error) {
    if (concernsOneFile(run, error) && (await isOurs(run, beside, content)))
      await discard(run, beside.partPath);
    throw error;
  }
}

async function putWhole(run: RunContext, file: FileToMove, content: Buffer): Promise<Whole> {
  const { partPath } = file;
  const sent = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  const body = async function* () {
    yield content;
  };
  const fresh = await makeRoom(run, file, content);
  const held = await run.target
    .put(partPath, body(), { signal: run.signal, fresh })
    .catch((error: unknown) => {
      if (isCode(error, 'unproven') && run.proof !== 'size') return undefined;
      throw error;
    });
  await verifyPart(run, partPath, sent, held);
  return sent;
}

/**
 * What an earlier attempt left may have the final name as well: renaming is two steps at some servers. Under a name that
 * somebody else's file may have, it is ours if it is the beginning of what is to be there.
 * @returns whether the file has to be new
 * @throws StorageError `already-exists` if it is not ours
 */
async function makeRoom(run: RunContext, file: FileToMove, content: Buffer): Promise<boolean> {
  const { id, partPath, begun } = file;
  if (isPartOf(id, partPath)) {
    if (begun) await run.target.remove(partPath, { signal: run.signal });
    return false;
  }
  if (!hasToBeFresh(run, file)) return false;
  const found = await statIfAny(run.target, partPath, run.signal);
  if (!found) return true;
  if (found.size > content.length || !(await isOurs(run, file, content)))
    throw partTaken(run, file, undefined);
  return false;
}

/** Can nobody else have the file's name, or is it the beginning of `content`? */
async function isOurs(
  { target, signal }: RunContext,
  { id, partPath }: FileToMove,
  content: Buffer,
): Promise<boolean> {
  if (isPartOf(id, partPath)) return true;
  let bytes = 0;
  try {
    for await (const chunk of target.read(partPath, { signal })) {
      if (!content.subarray(bytes, bytes + chunk.length).equals(chunk)) return false;
      bytes += chunk.length;
    }
  } catch (error) {
    if (isCode(error, 'not-found', 'permission-denied', 'unsupported')) return false;
    throw error;
  }
  return true;
}

/** Where nothing is replaced, the file that has the name may be the one that an earlier attempt put there. */
async function nameIt(run: RunContext, beside: FileToMove, sent: Whole): Promise<void> {
  const { partPath, targetPath } = beside;
  const replace = run.definition.conflict === 'replace';
  await run.target.recover?.(targetPath, { signal: run.signal });
  try {
    await run.target.move(partPath, targetPath, { replace, signal: run.signal });
  } catch (error) {
    if (!isCode(error, 'already-exists') || !(await holds(run, targetPath, sent))) throw error;
    await discard(run, partPath);
  }
}
