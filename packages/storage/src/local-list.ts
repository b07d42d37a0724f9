import { isUtf8 } from 'node:buffer';
import type { Dirent } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { joinPath, type RemotePath } from '@waybill/domain';
import type { ListEntry } from './endpoint.js';
import type { JailedDirectory } from './jail.js';
import { whyListedNameRefused } from './listed-name.js';
import { systemCode } from './local-errors.js';
import { fileInfo } from './local-file.js';

/** Names that are read and looked at together. */
const BATCH = 64;

export async function* listDirectory(
  opened: JailedDirectory,
  directory: RemotePath,
  signal: AbortSignal,
): AsyncGenerator<ListEntry> {
  // Names as bytes, because not all of them are UTF-8: Node takes this encoding, its types don't know it.
  const encoding = 'buffer' as BufferEncoding;
  const entries = await opendir(opened.self, { encoding, bufferSize: BATCH });
  try {
    for (;;) {
      signal.throwIfAborted();
      const names: Buffer[] = [];
      for (let entry = await entries.read(); entry !== null; ) {
        names.push(nameOf(entry));
        entry = names.length < BATCH ? await entries.read() : null;
      }
      if (names.length === 0) return;
      const looked = await Promise.all(names.map((name) => listed(opened, directory, name)));
      for (const entry of looked) if (entry) yield entry;
    }
  } finally {
    await entries.close();
  }
}

function nameOf(entry: Dirent): Buffer {
  return entry.name as unknown as Buffer;
}

/** `undefined` if it has gone in the meantime. */
async function listed(
  opened: JailedDirectory,
  directory: RemotePath,
  bytes: Buffer,
): Promise<ListEntry | undefined> {
  // Latin-1 shows a name in an old encoding nearly as it was meant.
  if (!isUtf8(bytes))
    return { kind: 'refused', name: bytes.toString('latin1'), reason: 'the name is not valid UTF-8' };
  const name = bytes.toString('utf8');
  const reason = whyListedNameRefused(directory, name);
  if (reason !== undefined) return { kind: 'refused', name, reason };
  const path = joinPath(directory, name);
  try {
    const stats = await lstat(opened.child(name));
    if (stats.isFile()) return { kind: 'file', ...fileInfo(path, stats) };
    return { kind: stats.isDirectory() ? 'directory' : 'other', path };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
