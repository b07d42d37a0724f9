import type { Stats } from 'node:fs';
import { constants, type FileHandle, lstat, open } from 'node:fs/promises';
import { baseName, printableName, type RemotePath } from '@waybill/domain';
import type { FileInfo, PutOptions } from './endpoint.js';
import { GroupedWriter } from './grouped-writer.js';
import type { JailedDirectory } from './jail.js';
import { localError, storageError, systemCode, translated } from './local-errors.js';
import { takeUntilAborted, untilAborted } from './until-aborted.js';

const READ_SIZE = 256 * 1024;
/** Behind the end that the file had when it was opened. */
const TAIL_SIZE = 4 * 1024;

/** O_NONBLOCK: a FIFO that takes the file's place at the last moment is opened without waiting for its other end. */
const SAFELY = constants.O_NOFOLLOW | constants.O_NONBLOCK;

const PERMISSIONS = 0o777;

export function fileInfo(path: RemotePath, stats: Stats): FileInfo {
  const { size, mtimeMs, mode } = stats;
  return { path, size, modifiedAt: new Date(mtimeMs), mode: mode & PERMISSIONS };
}

/** What is at `path`, without following it; `undefined` if nothing is. Throws `path-refused` for a symbolic link. */
export async function look(directory: JailedDirectory, path: RemotePath): Promise<Stats | undefined> {
  try {
    const stats = await lstat(directory.child(baseName(path)));
    if (!stats.isSymbolicLink()) return stats;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  throw localError(
    'path-refused',
    `path "${printableName(path)}" is refused: it is a symbolic link, which may lead out of the root`,
  );
}

/** Like {@link look}, but throws `not-found` unless it is a regular file. */
export async function lookForFile(directory: JailedDirectory, path: RemotePath): Promise<Stats> {
  const stats = await look(directory, path);
  if (stats?.isFile()) return stats;
  const found = stats ? `there is ${kindOf(stats)}, not a regular file` : 'there is no such file';
  throw localError('not-found', `"${printableName(path)}": ${found}`);
}

/** Throws `already-exists` if something other than a regular file is at `path`. */
export async function lookForRoom(directory: JailedDirectory, path: RemotePath): Promise<Stats | undefined> {
  const stats = await look(directory, path);
  if (!stats || stats.isFile()) return stats;
  throw localError('already-exists', `"${printableName(path)}" can't take a file: there is ${kindOf(stats)}`);
}

export async function* readFile(
  directory: JailedDirectory,
  path: RemotePath,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const what = `read "${printableName(path)}"`;
  const { handle, stats } = await translated(what, async () => {
    await lookForFile(directory, path);
    return regularOnly(await open(directory.child(baseName(path)), constants.O_RDONLY | SAFELY), path);
  });
  try {
    yield* chunksOf(handle, { start, end: stats.size, signal, what });
  } finally {
    // Closing waits for a read that is under way, which an aborted one must not. It can't lose anything either.
    const closed = handle.close().catch(() => {});
    if (!signal.aborted) await closed;
  }
}

interface Chunks {
  readonly start: number;
  /** Where the file ended when it was opened: a guess, which keeps small files from costing large blocks. */
  readonly end: number;
  readonly signal: AbortSignal;
  readonly what: string;
}

/** Reads the next chunk while the consumer works on this one. */
async function* chunksOf(handle: FileHandle, { start, end, signal, what }: Chunks) {
  let position = start;
  const read = () =>
    readAt(handle, position, position < end ? Math.min(READ_SIZE, end - position) : TAIL_SIZE);
  let next = read();
  try {
    for (;;) {
      const chunk = await untilAborted(next, signal);
      if (chunk.length === 0) return;
      position += chunk.length;
      next = read();
      yield chunk;
      signal.throwIfAborted();
    }
  } catch (error) {
    throw storageError(what, error);
  } finally {
    // The one read ahead that nobody takes any more.
    next.catch(() => {});
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  // Not from the pool: the consumer owns the chunk and may hand its memory to another thread.
  const buffer = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

export interface WrittenFile {
  readonly info: FileInfo;
  readonly created: boolean;
}

/** Resolves once the bytes are on the disk; the name of a file that was created may not be. */
export async function writeFile(
  directory: JailedDirectory,
  path: RemotePath,
  body: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<WrittenFile> {
  const { signal, start = 0, onProgress } = options;
  const what = `write "${printableName(path)}"`;
  const { handle, created } = await translated(what, () => openForWriting(directory, path, options));
  try {
    onProgress?.(start);
    await writeBody(handle, body, start, signal, onProgress, what);
    await translated(what, () => untilAborted(handle.sync(), signal));
    const info = fileInfo(path, await translated(what, () => handle.stat()));
    await translated(what, () => handle.close());
    return { info, created };
  } catch (error) {
    // Closing waits for a sync that is under way, which an aborted put must not. The first error is the one to report.
    const closed = handle.close().catch(() => {});
    if (!signal.aborted) await closed;
    throw error;
  }
}

/** Sets the permissions of a regular file. One that has them need not be opened, which it may forbid. */
export async function changeMode(directory: JailedDirectory, path: RemotePath, mode: number): Promise<void> {
  if (((await lookForFile(directory, path)).mode & PERMISSIONS) === mode) return;
  const opened = await open(directory.child(baseName(path)), constants.O_RDONLY | SAFELY);
  const { handle } = await regularOnly(opened, path);
  try {
    await handle.chmod(mode);
  } finally {
    await handle.close();
  }
}

async function openForWriting(
  directory: JailedDirectory,
  path: RemotePath,
  { start = 0, fresh = false }: PutOptions,
) {
  const found = start > 0 ? await lookForFile(directory, path) : await lookForRoom(directory, path);
  const create = start > 0 ? 0 : constants.O_CREAT | (fresh ? constants.O_EXCL : 0);
  const target = directory.child(baseName(path));
  const { handle, stats } = await regularOnly(
    await open(target, constants.O_WRONLY | create | SAFELY, 0o666),
    path,
  );
  try {
    const { size } = stats;
    if (size < start)
      throw localError(
        'corrupted',
        `"${printableName(path)}" holds ${size} bytes and can't be continued from byte ${start}`,
      );
    if (size > start) await handle.truncate(start);
    return { handle, created: found === undefined };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function writeBody(
  handle: FileHandle,
  body: AsyncIterable<Uint8Array>,
  start: number,
  signal: AbortSignal,
  onProgress: PutOptions['onProgress'],
  what: string,
): Promise<void> {
  const writer = new GroupedWriter(handle, start, onProgress);
  try {
    for await (const chunk of takeUntilAborted(body, signal))
      await translated(what, () => writer.write(chunk));
  } catch (error) {
    // No write may land after the put has ended. Its own failure would only follow from the one at hand.
    await writer.finish().catch(() => {});
    throw error;
  }
  await translated(what, () => writer.finish());
}

/** What was looked at may have been replaced before it was opened: what counts is what is open now. */
async function regularOnly(
  handle: FileHandle,
  path: RemotePath,
): Promise<{ handle: FileHandle; stats: Stats }> {
  const stats = await handle.stat();
  if (stats.isFile()) return { handle, stats };
  await handle.close();
  throw localError(
    'path-refused',
    `"${printableName(path)}" is refused: it turned into ${kindOf(stats)} while it was opened`,
  );
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
