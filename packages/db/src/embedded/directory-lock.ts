import { randomBytes } from 'node:crypto';
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
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, mine);
  try {
    // Linking, unlike writing, makes the file appear together with its content.
    while (!(await linked(draft, file))) await removeIfStale(file);
  } finally {
    await rm(draft, { force: true });
  }
  return {
    async release() {
      if ((await readIfThere(file)) === mine) await rm(file, { force: true });
    },
  };
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

async function removeIfStale(file: string): Promise<void> {
  const holder = await readIfThere(file);
  if (holder === undefined) return;
  const [pid = '', start = ''] = holder.trim().split(' ');
  if (start !== '' && (await processStart(Number(pid))) === start)
    throw new EmbeddedPostgresError(
      `${path.dirname(file)} is in use by the Waybill process ${pid} (this is ${process.pid}). ` +
        'Stop that one first, or start with another data directory.',
    );
  // Two processes may find the same stale lock. Only one of them moves it away; the slower one could catch the lock
  // that the faster one has made by then, sees that by its content, and puts it back.
  const aside = `${file}.stale-${randomBytes(4).toString('hex')}`;
  await rename(file, aside).catch(ignoreMissing);
  if (![undefined, holder].includes(await readIfThere(aside))) await linked(aside, file);
  await rm(aside, { force: true });
}

async function readIfThere(file: string): Promise<string | undefined> {
  return (await readFile(file, 'utf8').catch(ignoreMissing)) ?? undefined;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
