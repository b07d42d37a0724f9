import { type SelectionOutcome, type SelectionQuestion, selectionQuestions } from '../dry-run.js';
import { readClaimTag } from '../naming/claim-name.js';
import { isPartNameBy, type PartNaming } from '../naming/part-naming.js';
import { baseName, type RemotePath } from '../remote-path.js';
import { type CompiledRules, whyNotMatched } from './compile-rules.js';
import { settleMsOf } from './rules.js';
import { ageMs, type Look, type OtherClock, unmeasuredMs, whyUnsettled } from './settled.js';

export interface Verdict {
  readonly outcome: SelectionOutcome;
  /** One sentence's worth, without its end. */
  readonly because: string;
}

/** A file of the source and what was seen of it. */
export interface Candidate {
  readonly path: RemotePath;
  readonly first: Look;
  /** An interval later, for files that one look did not settle. */
  readonly second?: Look | 'gone' | undefined;
}

/** How much a run has taken. */
export interface Taken {
  readonly files: number;
  readonly bytes: number;
  /** A file was left for the next run: so are all that come after it, whatever their size. */
  readonly full: boolean;
}

export const nothingTaken: Taken = { files: 0, bytes: 0, full: false };

/** What selection knows besides the file and the rules. */
export interface SelectionContext {
  readonly clock: OtherClock;
  /** Size of the file at this path, in bytes; `undefined` if there is none. Asked for done-files and checksum files. */
  readonly sizeOf: (path: RemotePath) => number | undefined;
  /** Is this the done-file or checksum file of a file that is there? */
  readonly isCompanion: (path: RemotePath) => boolean;
  /** Why a file need not be taken again; `undefined` if it is new. */
  readonly whySeen?: ((path: RemotePath, look: Look) => string | undefined) | undefined;
  /** How part files are named where the file is: transfers to there may be under way. */
  readonly partNaming?: PartNaming | undefined;
  /** By the same run, before this file. */
  readonly taken: Taken;
}

/** What stands against a file; `undefined` if nothing does. */
type Judge = (file: Candidate, rules: CompiledRules, context: SelectionContext) => Verdict | undefined;

/** In the order of {@link selectionQuestions}. */
export const judges: Readonly<Record<SelectionQuestion, Judge>> = {
  name: explainName,
  'done-file': explainDoneFile,
  size: explainSize,
  new: explainSeen,
  age: explainAge,
  settled: explainSettled,
  'checksum-file': explainChecksumFile,
  limits: explainLimits,
};

/**
 * Whether a run takes the file, and why or why not. Selection itself asks nothing else, so that what is explained and
 * what is done can't differ.
 */
export function explainSelection(file: Candidate, rules: CompiledRules, context: SelectionContext): Verdict {
  for (const question of selectionQuestions) {
    const against = judges[question](file, rules, context);
    if (against) return against;
  }
  return { outcome: 'selected', because: 'every rule is met' };
}

function explainName(file: Candidate, rules: CompiledRules, context: SelectionContext): Verdict | undefined {
  const name = baseName(file.path);
  if (isPartNameBy(context.partNaming, name))
    return verdict('part-file', 'it is a part file of Waybill, or a leftover of one');
  if (readClaimTag(name) !== undefined) return verdict('claimed', 'it is claimed by a run of Waybill');
  if (context.isCompanion(file.path))
    return verdict('companion', 'it is the done-file or checksum file of another file');
  if (rules.checksumFile?.isName(name)) return verdict('companion', 'it has the name of a checksum file');
  const unmatched = whyNotMatched(name, rules);
  return unmatched === undefined ? undefined : verdict('not-matched', unmatched);
}

function explainDoneFile(
  file: Candidate,
  rules: CompiledRules,
  context: SelectionContext,
): Verdict | undefined {
  if (!rules.companionOf) return undefined;
  const companion = rules.companionOf(file.path);
  if (companion !== undefined && context.sizeOf(companion) !== undefined) return undefined;
  return verdict('not-done', `its done-file ${companion ?? rules.doneFile?.name} is not there`);
}

function explainSize(file: Candidate, rules: CompiledRules, context: SelectionContext): Verdict | undefined {
  const { size } = lastLook(file);
  const { minBytes = 0, maxBytes = Number.POSITIVE_INFINITY, emptyFiles = 'move' } = rules;
  // An empty file may be one that has just been begun: it is neither skipped nor refused before it is settled.
  if (size === 0 && emptyFiles !== 'move' && !unsettled(file, rules, context))
    return emptyFiles === 'skip'
      ? verdict('empty', 'it is empty, and empty files are skipped')
      : verdict('empty-refused', 'it is empty, and empty files are an error');
  if (size < minBytes) return verdict('wrong-size', `it has ${size} bytes, fewer than ${minBytes}`);
  if (size > maxBytes) return verdict('wrong-size', `it has ${size} bytes, more than ${maxBytes}`);
  return undefined;
}

function explainSeen(file: Candidate, _: CompiledRules, { whySeen }: SelectionContext): Verdict | undefined {
  const seen = whySeen?.(file.path, lastLook(file));
  return seen === undefined ? undefined : verdict('seen', seen);
}

function explainAge(file: Candidate, rules: CompiledRules, context: SelectionContext): Verdict | undefined {
  const { minAgeMs = Number.NEGATIVE_INFINITY, maxAgeMs = Number.POSITIVE_INFINITY } = rules;
  const age = ageMs(lastLook(file), context.clock);
  if (age < minAgeMs) return verdict('wrong-age', `it is ${age} ms old, less than ${minAgeMs} ms`);
  if (age > maxAgeMs) return verdict('wrong-age', `it is ${age} ms old, more than ${maxAgeMs} ms`);
  return undefined;
}

function explainSettled(
  file: Candidate,
  rules: CompiledRules,
  context: SelectionContext,
): Verdict | undefined {
  const why = unsettled(file, rules, context);
  return why === undefined ? undefined : verdict('unsettled', `it may still be being written: ${why}`);
}

/** A checksum file is written after its file, and an empty one has only been begun: both are waited for. */
function explainChecksumFile(
  file: Candidate,
  rules: CompiledRules,
  context: SelectionContext,
): Verdict | undefined {
  const missing = missingChecksumFile(file, rules, context);
  if (missing === undefined || !rules.checksumFile) return undefined;
  const age = ageMs(lastLook(file), context.clock);
  const overdue = rules.checksumFile.graceMs + unmeasuredMs(context.clock);
  if (age >= overdue) return undefined;
  return verdict(
    'not-done',
    `its checksum file ${missing} is not there yet; it is ${age} ms old, and fails without one from ${overdue} ms on`,
  );
}

/** The name of the checksum file that the rules require, where there is none: once overdue, the file fails without it. */
export function missingChecksumFile(
  file: Candidate,
  { checksumFile }: CompiledRules,
  { sizeOf }: SelectionContext,
): string | undefined {
  if (!checksumFile) return undefined;
  const path = checksumFile.of(file.path);
  return path !== undefined && (sizeOf(path) ?? 0) > 0 ? undefined : (path ?? checksumFile.template);
}

function explainLimits(
  { first: { size } }: Candidate,
  { atMostFiles = Number.POSITIVE_INFINITY, atMostBytes = Number.POSITIVE_INFINITY }: CompiledRules,
  { taken }: SelectionContext,
): Verdict | undefined {
  const later = (limit: string) => verdict('over-limit', `${limit}; the next run goes on with it`);
  if (taken.files >= atMostFiles) return later(`a run takes at most ${atMostFiles} files`);
  if (taken.full) return later(`a file before it was too large for what was left of ${atMostBytes} bytes`);
  if (taken.files > 0 && taken.bytes + size > atMostBytes)
    return later(
      `a run takes at most ${atMostBytes} bytes and has taken ${taken.bytes}; this file has ${size}`,
    );
  return undefined;
}

function unsettled(
  { first, second }: Candidate,
  rules: CompiledRules,
  { clock }: SelectionContext,
): string | undefined {
  if (second === 'gone') return 'it was gone at the second look';
  return whyUnsettled(first, second, settleMsOf(rules), clock);
}

export function lastLook({ first, second }: Candidate): Look {
  return second === undefined || second === 'gone' ? first : second;
}

function verdict(outcome: SelectionOutcome, because: string): Verdict {
  return { outcome, because };
}
