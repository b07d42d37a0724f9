import type { RemotePath } from '@waybill/domain';
import { answersBefore } from './acknowledgement.js';
import { skip } from './commit.js';
import { copyToPart } from './copy-file.js';
import { freeNames, noneFree } from './free-name.js';
import type { Staged } from './move-file.js';
import { type FileToMove, isCode, type RunContext } from './run-context.js';
import { skipSameAgain } from './skip-seen.js';
import { wholeOf } from './verify.js';

/**
 * Writes a file straight under its final name, by the conflict rule: where nothing may be replaced, making the file is
 * what takes the name.
 * @throws StorageError `already-exists` if it is taken
 */
export async function writeInPlace(run: RunContext, wanted: FileToMove): Promise<Staged | undefined> {
  if (await isSameAgain(run, wanted)) return undefined;
  const { conflict } = run.definition;
  for await (const targetPath of namesFor(run, wanted)) {
    const file = { ...wanted, targetPath, partPath: targetPath };
    try {
      // Its final name is there from the first byte on.
      const answersSeen = await answersBefore(run, file);
      return { state: 'staged', file, proof: { ...(await copyToPart(run, file)), answersSeen } };
    } catch (error) {
      if (!isCode(error, 'already-exists')) throw error;
      if (conflict === 'skip') return void (await skip(run, file));
      if (conflict !== 'rename') throw error;
    }
  }
  throw noneFree(run, wanted);
}

/** What was delivered before is not written over to find out: its content is compared at the source. */
async function isSameAgain(run: RunContext, file: FileToMove): Promise<boolean> {
  if (!run.seen.perhaps(file.sourcePath, file.size)) return false;
  const whole = await wholeOf(run.source, file.readPath, run.signal);
  return skipSameAgain(run, file, { ...whole, assurance: 'none' });
}

/** A name that is ours already stays. */
function namesFor(run: RunContext, file: FileToMove): AsyncIterable<RemotePath> | readonly RemotePath[] {
  if (run.definition.conflict !== 'rename' || run.ownParts.ownPart(file)) return [file.targetPath];
  return freeNames(run, file);
}
