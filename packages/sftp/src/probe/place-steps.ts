import { isAnswer } from '../errors.js';
import { MAX_LIST_ENTRIES } from '../options.js';
import type { Session } from '../session.js';
import { establish, type Probing, type Step } from './probing.js';
import { passed, skipped, type Verdict } from './steps.js';

/** Answers to a listing that are waited for: enough to see that it works. */
const MAX_LIST_ANSWERS = 10;

/** What the root is like, before anything is made in it. */
export const placeSteps: readonly Step[] = [
  { name: 'list', work: list },
  { name: 'look for space', work: lookForSpace },
  { name: 'make a directory', work: makeDirectory },
];

/** Opens the directory alone, none of the files in it. */
async function list({ facts, session, root, signal }: Probing): Promise<Verdict> {
  const { entries, complete } = await establish(facts, 'canList', () =>
    countEntries(session, root || '/', signal),
  );
  return passed(`the root has ${entries} entries${complete ? '' : ' or more'}`);
}

async function countEntries(
  session: Session,
  path: string,
  signal: AbortSignal,
): Promise<{ entries: number; complete: boolean }> {
  const about = { doing: 'list', path, signal };
  const handle = await session.openDirectory(about);
  let entries = 0;
  try {
    for (let answers = 0; answers < MAX_LIST_ANSWERS && entries < MAX_LIST_ENTRIES; answers++) {
      const batch = await session.readDirectory(handle, about);
      if (batch === undefined) return { entries, complete: true };
      entries += batch.filter(({ filename }) => filename !== '.' && filename !== '..').length;
    }
    return { entries, complete: false };
  } finally {
    void session.closeQuietly(handle, path);
  }
}

async function lookForSpace({ facts, session, root, signal }: Probing): Promise<Verdict> {
  if (!session.abilities.statvfs) return skipped('the server does not offer statvfs@openssh.com');
  try {
    const bytes = await session.freeBytes({ doing: 'look for space at', path: root || '/', signal });
    // Some servers count quotas in numbers that no file system has.
    facts.freeBytes = Number.isSafeInteger(bytes) ? bytes : null;
    return passed(`${Math.floor(bytes / 1024 ** 2)} MiB are free`);
  } catch (error) {
    if (isAnswer(error)) return skipped(error.message);
    throw error;
  }
}

async function makeDirectory({ facts, scratch }: Probing): Promise<Verdict> {
  try {
    await establish(facts, 'makesDirectories', () => scratch.makeDirectory());
    return passed(`the probe works in ${scratch.name}`);
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return passed(
      `no directory can be made, so the probe works with hidden files in the root: ${error.message}`,
    );
  }
}
