import { printableName, rootPath } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { typeOf } from './attributes.js';
import type { Session } from './session.js';
import { TellApart } from './tell-apart.js';

/**
 * @param root as in the endpoint's settings
 * @returns its absolute path, without a slash at the end
 * @throws StorageError `not-found` if it is no directory
 */
export async function findRoot(session: Session, root: string, signal: AbortSignal): Promise<string> {
  const path = root === '' ? '.' : root;
  const describe = () => `the root ${printableName(path)} on ${session.where}`;
  const tellApart = new TellApart({ session, absolute: () => path, describe });
  const about = { doing: 'open the root', path, signal };
  const [absolute, stats] = await Promise.all([
    // Some servers do not resolve paths, but take them as they are.
    session.realpath(about).catch(unless(['not-found', 'unsupported', 'unknown', 'permission-denied'], path)),
    // Drop boxes let nobody look, not even at the root.
    session
      .stat(about)
      .catch(async (error: unknown) => {
        throw await tellApart.listing(error, rootPath, signal);
      })
      .catch(unless(['permission-denied'], undefined)),
  ]);
  const type = stats && typeOf(stats);
  if (type !== undefined && type !== 'directory')
    throw new StorageError('not-found', `${describe()} is no directory`);
  return absolute.replace(/\/+$/, '');
}

function unless<T>(codes: readonly string[], instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof StorageError && codes.includes(error.code)) return instead;
    throw error;
  };
}
