import { constants, link, open, rename, unlink } from 'node:fs/promises';
import { systemCode } from './local-errors.js';

/**
 * Gives a file its new name unless something has that name: throws EEXIST then, even if it came to be at that very
 * moment. Both paths are on one file system.
 */
export async function moveWithoutReplacing(from: string, to: string, hardLink = link): Promise<void> {
  try {
    await hardLink(from, to);
  } catch (error) {
    if (!linksAreImpossible(error)) throw error;
    return renameOntoPlaceholder(from, to);
  }
  try {
    await unlink(from);
  } catch (error) {
    await unlink(to);
    throw error;
  }
}

/** EPERM: the file system has none, or the file is somebody else's (Linux' fs.protected_hardlinks). */
function linksAreImpossible(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error) ?? '');
}

/** Creating the empty file decides who has the name; readers may see it until the rename. */
async function renameOntoPlaceholder(from: string, to: string): Promise<void> {
  const placeholder = await open(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  await placeholder.close();
  try {
    await rename(from, to);
  } catch (error) {
    await unlink(to);
    throw error;
  }
}
