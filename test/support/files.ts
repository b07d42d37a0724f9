import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const BLOCK = 4 * 1024 * 1024;

/** Writes `size` bytes that repeat nowhere within a block. */
export async function makeFile(path: string, size: number): Promise<void> {
  const block = randomFillSync(Buffer.allocUnsafe(Math.min(size, BLOCK)));
  await using file = await open(path, 'w');
  for (let written = 0; written < size; ) {
    if (written > 0) block.writeUInt32LE(written / BLOCK, 0);
    const { bytesWritten } = await file.write(block, 0, Math.min(block.length, size - written));
    written += bytesWritten;
  }
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** Name → SHA-256 of every entry directly in the directory. */
export async function hashes(directory: string): Promise<Map<string, string>> {
  const names = (await readdir(directory)).sort();
  const found = new Map<string, string>();
  for (const name of names) found.set(name, await sha256(join(directory, name)));
  return found;
}
