import { type Answer, type SelectionQuestion, selectionQuestions } from '../dry-run.js';
import type { RemotePath } from '../remote-path.js';
import type { CompiledRules } from './compile-rules.js';
import {
  type Candidate,
  judges,
  lastLook,
  missingChecksumFile,
  type SelectionContext,
} from './explain-selection.js';
import { settleMsOf } from './rules.js';
import { ageMs } from './settled.js';

/** What speaks for a file that no judge is against; `undefined` where the rules do not ask. */
type Fact = (file: Candidate, rules: CompiledRules, context: SelectionContext) => string | undefined;

const facts: Readonly<Record<SelectionQuestion, Fact>> = {
  name: () => 'a pattern includes its name, and none excludes it',
  'done-file': ({ path }, { companionOf }) => companionOf && `its done-file ${companionOf(path)} is there`,
  size: (file, { minBytes, maxBytes, emptyFiles = 'move' }) =>
    minBytes === undefined && maxBytes === undefined && emptyFiles === 'move'
      ? undefined
      : `it has ${lastLook(file).size} bytes`,
  new: (_, { onlyNew }) => (onlyNew ? 'the transfer has not delivered it as it looks now' : undefined),
  age: (file, { minAgeMs, maxAgeMs }, { clock }) =>
    minAgeMs === undefined && maxAgeMs === undefined
      ? undefined
      : `it is ${ageMs(lastLook(file), clock)} ms old`,
  settled: ({ second }, rules) => {
    if (settleMsOf(rules) === 0) return undefined;
    return second ? 'two looks have seen the same size and time' : 'it has been left alone for long enough';
  },
  'checksum-file': ({ path }, { checksumFile }) =>
    checksumFile && `its checksum file ${checksumFile.of(path)} is there`,
  limits: (_, { atMostFiles, atMostBytes }) =>
    atMostFiles === undefined && atMostBytes === undefined ? undefined : 'it is within what one run takes',
};

/** Every question of selection, answered by itself: not only the one that decides. */
export function answersTo(file: Candidate, rules: CompiledRules, context: SelectionContext): Answer[] {
  return selectionQuestions.map((question): Answer => {
    const against = judges[question](file, rules, context) ?? overdue(question, file, rules, context);
    if (against) return { question, answer: 'no', because: against.because };
    const fact = facts[question](file, rules, context);
    return { question, answer: fact === undefined ? 'not-asked' : 'yes', because: fact ?? '' };
  });
}

/** Selection takes a file whose checksum file is overdue, so that it fails. */
function overdue(
  question: SelectionQuestion,
  file: Candidate,
  rules: CompiledRules,
  context: SelectionContext,
): Pick<Answer, 'because'> | undefined {
  if (question !== 'checksum-file') return undefined;
  const missing = missingChecksumFile(file, rules, context);
  return missing === undefined ? undefined : { because: whyWithoutChecksum(missing) };
}

/** @param missing the checksum file that is not there */
export function whyWithoutChecksum(missing: RemotePath | string): string {
  return `its checksum file ${missing} is not there, and overdue`;
}
