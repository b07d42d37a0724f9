import { isAnswer } from '../errors.js';
import { POSIX_RENAME } from '../strategy.js';
import { stays } from './content-steps.js';
import { establish, type Facts, type Probing, type Step } from './probing.js';
import type { Look } from './scratch.js';
import { failed, passed, skipped, type Verdict } from './steps.js';

/** Of two files, told apart by their size. */
const OLD_BYTES = 100;
const NEW_BYTES = 200;

/** How a file gets its final name, and goes away. */
export const nameSteps: readonly Step[] = [
  { name: 'rename', needs: stays, work: rename },
  { name: 'rename onto a file', needs: renames, work: renameOnto },
  { name: 'posix-rename onto a file', needs: offersPosixRename, work: posixRenameOnto },
  { name: 'remove', needs: stays, work: remove },
];

function renames(facts: Facts): string | undefined {
  return facts.renames ? undefined : (stays(facts) ?? 'no file can be renamed');
}

function offersPosixRename(facts: Facts): string | undefined {
  return facts.extensions.includes(POSIX_RENAME) ? stays(facts) : `the server does not offer ${POSIX_RENAME}`;
}

async function rename({ facts, scratch, session, signal }: Probing): Promise<Verdict> {
  const from = await scratch.write('unnamed', Buffer.alloc(NEW_BYTES));
  const to = scratch.file('named');
  await establish(facts, 'renames', () =>
    session.rename(to, { doing: `rename to ${to}`, path: from.path, signal }),
  );
  const [before, after] = [await scratch.look(from.path), await scratch.look(to)];
  if (before.kind !== 'there' && after.kind !== 'gone') return passed('a file can be renamed');
  facts.renames = false;
  return failed(`the server says that it renamed a file, and did not: look for ${to}`);
}

/** What becomes of two files when one is renamed onto the other. */
interface Renaming {
  /** The server's refusal; undefined if it says that it was done. */
  readonly refused: Error | undefined;
  /** true: the new file took the place; false: both are as they were; undefined: nobody may look; else what is wrong. */
  readonly replaced: boolean | string | undefined;
}

async function renameOnto(probing: Probing): Promise<Verdict> {
  const { facts, session } = probing;
  const { refused, replaced } = await renaming(probing, 'plain', (to, about) => session.rename(to, about));
  if (typeof replaced === 'string') return failed(replaced);
  facts.renameReplaces = replaced ?? (refused ? false : null);
  if (facts.renameReplaces === null) return skipped('nobody may look which of the two files is there now');
  if (facts.renameReplaces) return passed('the new file takes the place of the old one');
  return passed('refused, as SFTP has it: files are replaced in steps where there is no posix-rename');
}

async function posixRenameOnto(probing: Probing): Promise<Verdict> {
  const { facts, session } = probing;
  const { refused, replaced } = await renaming(probing, 'posix', (to, about) =>
    session.posixRename(to, about),
  );
  if (typeof replaced === 'string') return failed(replaced);
  facts.posixRename = replaced ?? (refused ? false : null);
  if (facts.posixRename) return passed('the new file takes the place of the old one in one step');
  if (refused) return failed(`offered, but refused: ${refused.message}`);
  return skipped('nobody may look which of the two files is there now');
}

async function renaming(
  { scratch, signal }: Probing,
  name: string,
  rename: (to: string, about: { doing: string; path: string; signal: AbortSignal }) => Promise<void>,
): Promise<Renaming> {
  const from = (await scratch.write(`${name}-new`, Buffer.alloc(NEW_BYTES))).path;
  const to = (await scratch.write(`${name}-old`, Buffer.alloc(OLD_BYTES))).path;
  const [newFile, oldFile] = [await scratch.look(from), await scratch.look(to)];
  const refused = await rename(to, { doing: `rename to ${to}`, path: from, signal }).then(
    () => undefined,
    (error: unknown) => {
      if (isAnswer(error)) return error;
      throw error;
    },
  );
  const [left, there] = [await scratch.look(from), await scratch.look(to)];
  if ([newFile, oldFile, left, there].some(({ kind }) => kind === 'refused'))
    return { refused, replaced: undefined };
  return { refused, replaced: outcomeOf(refused, { newFile, oldFile, left, there }) };
}

function outcomeOf(
  refused: Error | undefined,
  { newFile, oldFile, left, there }: Record<'newFile' | 'oldFile' | 'left' | 'there', Look>,
): boolean | string {
  const says = refused
    ? 'the server refuses to rename onto a file'
    : 'the server says that it renamed onto a file';
  const size = sizeOf(there);
  if (!refused && left.kind === 'gone' && size !== undefined && size === sizeOf(newFile)) return true;
  if (refused && left.kind === 'there' && size !== undefined && size === sizeOf(oldFile)) return false;
  const seen = `the new one is ${left.kind}, and at the place of the old one are ${size ?? 'no'} bytes`;
  return `${says}, but ${seen}`;
}

function sizeOf(look: Look): number | undefined {
  return look.kind === 'there' ? look.attributes.size : undefined;
}

async function remove({ facts, scratch }: Probing): Promise<Verdict> {
  const { path } = await scratch.write('removed', Buffer.from('x'));
  await establish(facts, 'removes', () => scratch.remove(path));
  if ((await scratch.look(path)).kind !== 'there') return passed('a file can be removed');
  facts.removes = false;
  return failed(`the server says that it removed a file, but ${path} is still there`);
}
