import { createHash, randomBytes } from 'node:crypto';
import { isAnswer } from '../errors.js';
import { HashTeller } from '../remote-hash.js';
import { establish, type Facts, type First, type Probing, type Step } from './probing.js';
import type { Written } from './scratch.js';
import { failed, passed, skipped, type Verdict } from './steps.js';

/** Bytes of the small files. */
const PART_BYTES = 1000;

/** Whether bytes get there, stay there, and can be proven. */
export const contentSteps: readonly Step[] = [
  { name: 'write', work: write },
  { name: 'look', needs: written, work: look },
  { name: 'tell a hash', needs: stays, work: tellHash },
  { name: 'read back', needs: stays, work: readBack },
  { name: 'continue', needs: stays, work: goOn },
  { name: 'cut', needs: stays, work: cut },
];

/** Why what needs a file can't be tried. */
export function written({ canWrite }: Facts): string | undefined {
  return canWrite ? undefined : 'nothing can be written';
}

/** Why what needs a file that was closed can't be tried. */
export function stays(facts: Facts): string | undefined {
  return facts.keepsWritten === false ? 'a written file does not stay' : written(facts);
}

async function write(probing: Probing): Promise<Verdict> {
  const { facts, scratch, session } = probing;
  const content = randomBytes(session.abilities.writeBytes);
  const file = await establish(facts, 'canWrite', () => scratch.write('first', content));
  facts.canStatOpen = file.openSize !== undefined;
  probing.first = { ...file, content, mtime: undefined };
  return passed(`${content.length} bytes were taken, and the file was closed`);
}

/** Of the file that was written first: this is how each delivery is proven. */
async function look(probing: Probing): Promise<Verdict> {
  const { facts, scratch } = probing;
  const first = probing.first as First;
  const bytes = first.content.length;
  const found = await scratch.look(first.path);
  facts.keepsWritten = found.kind === 'refused' ? null : found.kind === 'there';
  facts.canStat = found.kind === 'gone' ? null : found.kind === 'there';
  const told = found.kind === 'there' ? found.attributes.size : first.openSize;
  facts.tellsTrueSize = told === undefined ? null : told === bytes;
  if (found.kind === 'there') probing.first = { ...first, mtime: found.attributes.mtime };
  if (facts.tellsTrueSize === false)
    return failed(`${bytes} bytes were written and taken, but the server tells a size of ${told}`);
  if (found.kind === 'gone')
    return failed('the file was gone as soon as it was closed: something takes the files away from here');
  if (found.kind === 'there' && told !== undefined)
    return passed(`the server tells the right size, ${told} bytes`);
  const why = found.kind === 'refused' ? found.error.message : 'the server tells no size';
  return told === undefined
    ? failed(why)
    : passed(`only a file that is open may be looked at; closed, ${why}`);
}

/** As the settings of the endpoint allow the server to be asked. One that tells none is no worse for it. */
async function tellHash({ facts, first, options, session, signal }: Probing): Promise<Verdict> {
  const { path, content } = first as First;
  const teller = new HashTeller(session, options.remoteHash ?? 'check-file', () => {});
  const told = await teller.tell({ absolute: path, size: content.length, signal });
  if (told.kind === 'untold') return skipped(told.why);
  const way = told.certain ? 'check-file' : 'the shell';
  if (told.sha256 !== createHash('sha256').update(content).digest('hex'))
    return failed(`${way} tells the SHA-256 of other bytes, ${told.sha256}`);
  facts.hashes = ['sha256'];
  return passed(`the server tells the SHA-256 of what was written, by ${way}`);
}

async function readBack(probing: Probing): Promise<Verdict> {
  const { facts, scratch } = probing;
  const { path, content } = probing.first as First;
  const read = await establish(facts, 'canReadBack', () => scratch.read(path, content.length + 1));
  if (facts.canStat) facts.keepsRead = (await scratch.look(path)).kind === 'there';
  facts.keepsBytes = read.equals(content);
  if (!facts.keepsBytes)
    return failed(`${content.length} bytes were written, but other bytes come back (${read.length} of them)`);
  if (facts.keepsRead === false)
    return passed('what was written comes back, and the file is gone once it was read');
  return passed('what was written comes back');
}

/** Opens a file a second time and writes behind its end, as an attempt does that goes on where another was interrupted. */
async function goOn(probing: Probing): Promise<Verdict> {
  const { facts, scratch, session, signal } = probing;
  const parts = randomBytes(2 * PART_BYTES);
  const file = await scratch.write('continued', parts.subarray(0, PART_BYTES));
  let reopenedSize: number | undefined;
  try {
    await scratch.reopen(file.path, async (handle) => {
      reopenedSize = await scratch.sizeOpen(handle, file.path);
      const about = { doing: 'continue', path: file.path, signal };
      await session.write(handle, parts.subarray(PART_BYTES), PART_BYTES, about);
    });
  } catch (error) {
    if (!isAnswer(error)) throw error;
    facts.continues = false;
    return passed(`files are sent anew after an interruption: ${error.message}`);
  }
  facts.continues = await holds(probing, file, parts, reopenedSize);
  if (facts.continues === null) return skipped('nobody may look whether the file was continued');
  return passed(
    facts.continues ? 'a file can be continued' : 'a file is emptied when it is opened for writing',
  );
}

/** @returns null if it can't be told */
async function holds(
  { facts, scratch }: Probing,
  { path }: Written,
  content: Buffer,
  reopenedSize: number | undefined,
): Promise<boolean | null> {
  // Not by its size: behind an emptied beginning it is the same.
  if (facts.keepsBytes) return (await scratch.read(path, content.length + 1)).equals(content);
  if (facts.tellsTrueSize !== true || reopenedSize === undefined) return null;
  return reopenedSize === PART_BYTES;
}

async function cut({ facts, scratch, session, signal }: Probing): Promise<Verdict> {
  const shorten = (handle: Buffer, path: string) =>
    session.truncate(handle, PART_BYTES, { doing: 'cut', path, signal });
  let openSize: number | undefined;
  try {
    ({ openSize } = await scratch.write('cut', randomBytes(2 * PART_BYTES), shorten));
  } catch (error) {
    if (!isAnswer(error)) throw error;
    facts.truncates = false;
    return passed(`files can't be cut, which Waybill can do without: ${error.message}`);
  }
  if (facts.tellsTrueSize !== true || openSize === undefined)
    return skipped('nobody may look whether the file was cut');
  facts.truncates = openSize === PART_BYTES;
  return passed(facts.truncates ? 'a file can be cut' : 'the server says that it cuts files, and does not');
}
