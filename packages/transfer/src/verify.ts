import { createHash } from 'node:crypto';
import type { RemotePath, Verification } from '@waybill/domain';
import { type FileInfo, type StorageEndpoint, StorageError } from '@waybill/storage';

/** A whole file: its length and the SHA-256 (hex) of its bytes. */
export interface Whole {
  readonly bytes: number;
  readonly sha256: string;
}

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
 * Proves that the part file at `path` holds what was sent: its size always, its bytes where asked for.
 * @param held what `put` said that the target holds
 * @throws StorageError `corrupted`
 */
export async function verifyPart(
  target: StorageEndpoint,
  path: RemotePath,
  sent: Whole,
  held: FileInfo,
  verification: Verification,
  signal: AbortSignal,
): Promise<void> {
  const where = `${path} at ${target.label}`;
  if (held.size !== sent.bytes)
    throw new StorageError(
      'corrupted',
      `${where} has ${held.size} bytes, but ${sent.bytes} were sent; it is sent again by the next attempt`,
    );
  if (verification === 'size') return;
  const found = await wholeOf(target, path, signal);
  if (found.sha256 !== sent.sha256)
    throw new StorageError(
      'corrupted',
      `${where} reads back as SHA-256 ${found.sha256} (${found.bytes} bytes), but ${sent.sha256} ` +
        `(${sent.bytes} bytes) was sent; it is sent again by the next attempt`,
    );
}
