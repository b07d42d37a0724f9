import { createHash, randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { processStart } from './processes.js';

const fileName = 'waybill.lock';

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only Waybill that works in `directory`. The lock is a file with our pid and start time, so
 * that one left behind by a process that was killed is recognised and taken over, also when its pid is in use again.
 * @throws EmbeddedPostgresError naming the process that holds the lock
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const file = path.join(directory, fileName);
  const mine = `${process.pid} ${await processStart(process.pid)}\n`;
  await take(file, mine);
  return { release: () => release(file, mine) };
}

/**
 * Makes `file` with `mine` in it. A file that a dead process left is replaced in one step, never removed first: in the
 * gap somebody else could make one, and both would believe to have the lock. Who may replace it is decided by a lock of
 * the same kind, named after what the dead process wrote, so that it serves for this very file and no later one.
 */
async function take(file: string, mine: string): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, mine);
  try {
    // Linking, unlike writing, makes the file appear together with its content.
    while (!(await linked(draft, file))) {
      const left = await leftBehind(file);
      if (left === undefined) continue;
      const claim = `${file}.after-${createHash('sha256').update(left).digest('hex').slice(0, 16)}`;
      await take(claim, mine);
      try {
        if ((await readIfThere(file)) === left) return await rename(draft, file);
      } finally {
        await release(claim, mine);
      }
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function release(file: string, mine: string): Promise<void> {
  if ((await readIfThere(file)) === mine) await rm(file, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * What a process that is gone wrote into the file; `undefined` if there is no file any more.
 * @throws EmbeddedPostgresError if the process lives
 */
async function leftBehind(file: string): Promise<string | undefined> {
  const holder = await readIfThere(file);
  if (holder === undefined) return undefined;
  const [pid = '', start = ''] = holder.trim().split(' ');
  if (start !== '' && (await processStart(Number(pid))) === start)
    throw new EmbeddedPostgresError(
      `${path.dirname(file)} is in use by the Waybill process ${pid} (this is ${process.pid}). ` +
        'Stop that one first, or start with another data directory.',
    );
  return holder;
}

async function readIfThere(file: string): Promise<string | undefined> {
  return (await readFile(file, 'utf8').catch(ignoreMissing)) ?? undefined;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
