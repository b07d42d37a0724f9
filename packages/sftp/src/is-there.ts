import path from 'node:path';
import { StorageError } from '@waybill/storage';
import { Status, statusOf } from './errors.js';
import { MAX_LIST_ENTRIES } from './options.js';
import type { Session } from './session.js';

/**
 * Is there anything at `absolute`? For servers that answer FAILURE to everything: what the directories above list tells
 * a missing file from one that is refused.
 * @returns undefined if the server does not say
 */
export async function isThere(
  session: Session,
  absolute: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (absolute === '/' || absolute === '.') return true;
  const parent = path.posix.dirname(absolute);
  try {
    return await lists(session, parent, path.posix.basename(absolute), signal);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const status = statusOf(error.cause);
    if (status === undefined && error.code !== 'protocol-error') throw error;
    if (status !== Status.failure) return undefined;
    return (await isThere(session, parent, signal)) === false ? false : undefined;
  }
}

async function lists(
  session: Session,
  directory: string,
  name: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const about = { doing: 'list', path: directory, signal };
  const handle = await session.openDirectory(about);
  try {
    for (let seen = 0; seen <= MAX_LIST_ENTRIES; ) {
      const batch = await session.readDirectory(handle, about);
      if (batch === undefined) return false;
      if (batch.some(({ filename }) => filename === name)) return true;
      // An answer without entries counts, so that a listing that never ends does.
      seen += Math.max(1, batch.length);
    }
    return undefined;
  } finally {
    void session.closeQuietly(handle, directory);
  }
}
