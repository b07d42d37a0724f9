import {
  type DryRunReport,
  type Explanation,
  type Failure,
  type ForeseenDecision,
  type ForeseenFile,
  foreseenDecisions,
  type RemotePath,
} from '@waybill/domain';
import {
  answersInTurn,
  answersTo,
  type Candidate,
  explainSelection,
  type Explained as Judged,
  missingChecksumFile,
  type Verdict,
  whyOutOfReach,
  whyWithoutChecksum,
} from '@waybill/domain/selection';
import { StorageError } from '@waybill/storage';
import { inWaves } from './companions.js';
import { type LookInput, lookAtSource, type SourceLook } from './look-at-source.js';
import { refusePlaces } from './refuse-places.js';
import { isCode } from './run-context.js';
import type { SelectedFile } from './run-journal.js';
import { chooseFiles } from './select-files.js';
import { whyNotWhole } from './whole-set.js';

export type DryRunInput = Omit<LookInput, 'known' | 'onUnmatched'>;
export type DryRun = Omit<DryRunReport, 'version' | 'enabled'>;
export type Explained = Pick<Explanation, 'obstacle' | 'file' | 'nowhere' | 'answers'>;

/** Files of each decision that are named; all are counted. */
const MAX_NAMED = 1_000;
/** What is kept in memory at most of files whose names no pattern means. */
const MAX_UNMATCHED = 1_000_000;

/**
 * What a run that began now would do. Lists, recalls and waits as a run does, and stops before anything is moved,
 * claimed or journalled. Only the source is looked at, and no file of it is read.
 * @throws StorageError where the source can't be listed; the signal's reason
 */
export async function dryRun(input: DryRunInput): Promise<DryRun> {
  const unmatched: Candidate[] = [];
  const onUnmatched = (file: Candidate) => {
    if (unmatched.push(file) > MAX_UNMATCHED) throw tooMany(input);
  };
  const look = await lookAtSource({ ...input, known: [], onUnmatched });
  const { obstacle, files } = foresee(input, look);
  const foreseen = new Set(files.map(({ path }) => path));
  const others = unmatched.filter(({ path }) => !foreseen.has(path));
  return { obstacle, ...sumUp([...files, ...others.map((file) => leftByLook(file, look))]) };
}

function sumUp(all: readonly ForeseenFile[]): Pick<DryRun, 'counts' | 'files'> {
  const of = (decision: ForeseenDecision) => all.filter((file) => file.decision === decision);
  const count = (decision: ForeseenDecision) => ({
    files: of(decision).length,
    bytes: of(decision).reduce((sum, { size }) => sum + size, 0),
  });
  return {
    counts: { move: count('move'), fail: count('fail'), leave: count('leave') },
    files: foreseenDecisions.flatMap((decision) => of(decision).slice(0, MAX_NAMED)),
  };
}

/**
 * What a run that began now would do with one file, and the answer to every question on which that depends. Takes the
 * look of a dry run: what comes before the file counts towards the limits of a run.
 * @throws as {@link dryRun}; not where only the directory can't be listed
 */
export async function explainPath(input: DryRunInput, path: RemotePath): Promise<Explained> {
  const outOfReach = whyOutOfReach(path, input.definition);
  if (outOfReach !== undefined) return { obstacle: null, file: null, nowhere: outOfReach, answers: [] };
  let unmatched: Candidate | undefined;
  const onUnmatched = (file: Candidate) => {
    if (file.path === path) unmatched = file;
  };
  try {
    const look = await lookAtSource({ ...input, known: [], onUnmatched });
    return explain(path, unmatched, input, look);
  } catch (error) {
    if (!isCode(error, 'not-found', 'permission-denied')) throw error;
    const obstacle = obstacleOf(error);
    return { obstacle, file: null, nowhere: 'the directory cannot be listed', answers: [] };
  }
}

function explain(
  path: RemotePath,
  unmatched: Candidate | undefined,
  input: DryRunInput,
  look: SourceLook,
): Explained {
  const { rules, context, explained } = look;
  const { obstacle, files } = foresee(input, look);
  const file = files.find((foreseen) => foreseen.path === path);
  if (unmatched) {
    const here = file ?? leftByLook(unmatched, look);
    // Nothing else is asked of a file whose name is not meant.
    return { obstacle, file: here, nowhere: null, answers: answersTo(unmatched, rules, context).slice(0, 1) };
  }
  if (!file) return { obstacle, file: null, nowhere: NO_FILE, answers: [] };
  const candidates = explained.map((each) => each.file);
  return { obstacle, file, nowhere: null, answers: answersInTurn(path, candidates, rules, context) };
}

const NO_FILE = 'no file is there: nothing at all, a directory, or a link';

/** Of the files whose names match, and the done-files that would be moved with them. */
function foresee(
  input: DryRunInput,
  look: SourceLook,
): { readonly obstacle: string | null; readonly files: readonly ForeseenFile[] } {
  const { explained } = look;
  const leaveAll = (obstacle: string | null, why: string) => {
    return { obstacle, files: explained.map((each) => leftAsExplained(each, why)) };
  };
  try {
    refusePlaces(input.definition, input.targetPartNaming);
    const chosen = chooseFiles({ ...input, known: [] }, look);
    const why = whyNotWhole(input.definition.set, chosen, explained);
    if (why !== undefined) return leaveAll(null, `the set is not whole: ${why}`);
    const files = foreseeChosen(chosen, input, look);
    const paths = new Set(files.map(({ path }) => path));
    const others = explained.filter(({ file }) => !paths.has(file.path));
    return { obstacle: null, files: [...files, ...others.map((each) => leftAsExplained(each))] };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return leaveAll(obstacleOf(error), 'nothing is moved');
  }
}

/** What would become of the files that a run selects: as far as can be told without reading them. */
function foreseeChosen(
  chosen: readonly SelectedFile[],
  { definition }: DryRunInput,
  look: SourceLook,
): ForeseenFile[] {
  const { files, companions } = inWaves(chosen, definition);
  const failures = foreseeFailures(files, definition, look);
  const filesOf = new Map(companions.map(({ record, of }) => [record, of]));
  return chosen.map((file): ForeseenFile => {
    const of = filesOf.get(file);
    const failure = of ? (file.failure ?? goesDownWith(of, failures)) : failures.get(file);
    if (failure) return { ...seenAs(file), decision: 'fail', code: failure.code, because: failure.message };
    const because = of ? 'it goes with the file that it belongs to' : 'every rule is met';
    return { ...seenAs(file), decision: 'move', code: 'selected', because, targetPath: file.targetPath };
  });
}

type Failing = Pick<Failure, 'code' | 'message'>;
type Failures = ReadonlyMap<SelectedFile, Failing>;

/** A file that can't be moved takes the set that it belongs to along, before the others are begun. */
function foreseeFailures(
  files: readonly SelectedFile[],
  { set }: DryRunInput['definition'],
  look: SourceLook,
): Failures {
  const refused = failuresBy(files, ({ failure }) => failure);
  const unproven = failuresBy(files, lacksChecksum(look));
  if (!set) return new Map([...unproven, ...refused]);
  const own = refused.size > 0 ? refused : unproven;
  const [first] = own.keys();
  if (!first) return own;
  const message = `its set is incomplete: ${first.sourcePath} would not be delivered`;
  return new Map([...failuresBy(files, () => ({ code: 'set-incomplete', message })), ...own]);
}

function failuresBy(
  files: readonly SelectedFile[],
  why: (file: SelectedFile) => Failing | undefined,
): Failures {
  return new Map(
    files.flatMap((file) => {
      const failure = why(file);
      return failure ? [[file, failure] as const] : [];
    }),
  );
}

function lacksChecksum({ explained, rules, context }: SourceLook) {
  const seen = new Map<string, Candidate>(explained.map(({ file }) => [file.path, file]));
  return ({ sourcePath }: SelectedFile): Failing | undefined => {
    const file = seen.get(sourcePath);
    const missing = file && missingChecksumFile(file, rules, context);
    return missing === undefined
      ? undefined
      : { code: 'checksum-mismatch', message: whyWithoutChecksum(missing) };
  };
}

/** A done-file fails with its file. */
function goesDownWith(of: readonly SelectedFile[], failures: Failures): Failing | undefined {
  const file = of.find((each) => failures.has(each));
  const failure = file && failures.get(file);
  return failure && { code: failure.code, message: `its file ${file.sourcePath} would not be delivered` };
}

/** @param but why even what selection takes is not moved */
function leftAsExplained({ file, outcome, because }: Judged, but = ''): ForeseenFile {
  return left(file, { outcome, because: outcome === 'selected' ? `${because}, but ${but}` : because });
}

function leftByLook(file: Candidate, { rules, context }: SourceLook): ForeseenFile {
  return left(file, explainSelection(file, rules, context));
}

function left({ path, first }: Candidate, { outcome, because }: Verdict): ForeseenFile {
  const seen = { sourcePath: path, size: first.size, sourceModifiedAt: first.modifiedAt };
  return { ...seenAs(seen), decision: 'leave', code: outcome, because };
}

function seenAs({
  sourcePath: path,
  size,
  sourceModifiedAt,
}: Pick<SelectedFile, 'sourcePath' | 'size' | 'sourceModifiedAt'>) {
  return { path, size, modifiedAt: sourceModifiedAt?.toISOString() ?? null, targetPath: null };
}

function tooMany({ definition, source }: DryRunInput): StorageError {
  return new StorageError(
    'misconfigured',
    `more than ${MAX_UNMATCHED} files at "${definition.source.directory}" of ${source.label} match no pattern; have old ` +
      'ones moved away',
  );
}

function obstacleOf({ code, message }: StorageError): string {
  return `${code}: ${message}`;
}
