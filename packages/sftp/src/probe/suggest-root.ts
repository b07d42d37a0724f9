import type { ProbeProposal } from '@waybill/domain';
import { printableName } from '@waybill/domain';
import { typeOf } from '../attributes.js';
import { isAnswer } from '../errors.js';
import type { Session } from '../session.js';

/**
 * Looks for what may have been meant by a root that does not exist: the same below the login directory, or from `/`.
 * @returns the login directory if it is neither; undefined if the server does not say where that is
 */
export async function suggestRoot(
  session: Session,
  root: string,
  signal: AbortSignal,
): Promise<ProbeProposal | undefined> {
  const missing = `there is no directory ${printableName(root)}`;
  const twin = root.startsWith('/') ? root.replace(/^\/+/, '') : `/${root}`;
  if (twin !== '' && (await isDirectory(session, twin, signal)))
    return { setting: 'root', proposed: twin, why: `${missing}, but there is ${printableName(twin)}` };
  if (!(await isDirectory(session, '.', signal))) return undefined;
  return { setting: 'root', proposed: '.', why: `${missing}; "." is where the account logs in` };
}

async function isDirectory(session: Session, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    return typeOf(await session.stat({ doing: 'look at', path, signal })) === 'directory';
  } catch (error) {
    if (isAnswer(error)) return false;
    throw error;
  }
}
