import { baseName, maxChecksumFileBytes, type RemotePath, readChecksumFile } from '@waybill/domain';
import { companionFinder } from '@waybill/domain/selection';
import { StorageError } from '@waybill/storage';
import type { Checksums } from './file-hash.js';
import { type FileToMove, isCode, type RunContext } from './run-context.js';

/** Throws StorageError `checksum-mismatch` unless these are the checksums of the bytes that are meant. */
export type RefuseOtherBytes = (read: Checksums) => void;

/**
 * Reads the checksum file of a source file, where the definition requires one: before its bytes are moved, so that none
 * are moved in vain.
 * @throws StorageError `checksum-mismatch` if it is missing or can't be read
 */
export async function requiredChecksum(run: RunContext, file: FileToMove): Promise<RefuseOtherBytes> {
  const { checksumFile: rule } = run.definition.source;
  if (!rule || run.isCompanion(file)) return () => {};
  const { sourcePath } = file;
  const path = companionFinder(rule.name)(sourcePath);
  if (path === undefined)
    throw mismatch(run, sourcePath, `no checksum file can have the name "${rule.name}" of it`);
  const content = await contentOf(run, sourcePath, path);
  const named = readChecksumFile(content, baseName(sourcePath), rule.algorithm);
  if (named.kind === 'unreadable')
    throw mismatch(run, sourcePath, `its checksum file ${path} is unreadable: ${named.why}`);
  return ({ [rule.algorithm]: found }) => {
    if (found === named.checksum) return;
    const why = `its checksum file ${path} names ${rule.algorithm} ${named.checksum}, but the bytes that were read have ${found}`;
    throw mismatch(run, sourcePath, why);
  };
}

/** One byte more than a checksum file may have, at most. */
async function contentOf(run: RunContext, sourcePath: RemotePath, path: RemotePath): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of run.source.read(path, { signal: run.signal })) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxChecksumFileBytes) break;
    }
  } catch (error) {
    if (isCode(error, 'not-found'))
      throw mismatch(run, sourcePath, `its checksum file ${path} is missing`, error);
    if (isCode(error, 'permission-denied', 'unsupported'))
      throw mismatch(run, sourcePath, `its checksum file ${path} can't be read: ${error.message}`, error);
    throw error;
  }
  return Buffer.concat(chunks).subarray(0, maxChecksumFileBytes + 1);
}

function mismatch({ source }: RunContext, path: RemotePath, why: string, cause?: unknown): StorageError {
  return new StorageError(
    'checksum-mismatch',
    `${path} at ${source.label} was not delivered: ${why}. Have both sent again, then retry the run`,
    { cause, owner: source.properties.owner },
  );
}
