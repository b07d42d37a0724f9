import type { Answer } from '../dry-run.js';
import type { RemotePath } from '../remote-path.js';
import { answersTo } from './answers.js';
import type { CompiledRules } from './compile-rules.js';
import {
  type Candidate,
  explainSelection,
  type SelectionContext,
  type Taken,
  type Verdict,
} from './explain-selection.js';
import { settleMsOf } from './rules.js';
import { isSteady } from './seen.js';

export interface Explained extends Verdict {
  readonly file: Candidate;
  /** Content that is written from now on shows another size or time. */
  readonly steady: boolean;
}

/**
 * What becomes of each file, in the order of the rules: those that come first count first towards the limits of a run.
 * Takes as much time as sorting does.
 */
export function select(
  files: readonly Candidate[],
  rules: CompiledRules,
  context: SelectionContext,
): Explained[] {
  const settleMs = settleMsOf(rules);
  let taken = context.taken;
  const explained: Explained[] = [];
  for (const file of inOrder(files, rules)) {
    const verdict = explainSelection(file, rules, { ...context, taken });
    explained.push({ file, ...verdict, steady: isSteady(file.first, settleMs, context.clock) });
    taken = afterwards(taken, file, verdict);
  }
  return explained;
}

/**
 * Every question of selection about one of the files, as it stands when its turn comes; empty if it is none of them.
 */
export function answersInTurn(
  path: RemotePath,
  files: readonly Candidate[],
  rules: CompiledRules,
  context: SelectionContext,
): Answer[] {
  let taken = context.taken;
  for (const file of inOrder(files, rules)) {
    const now = { ...context, taken };
    if (file.path === path) return answersTo(file, rules, now);
    taken = afterwards(taken, file, explainSelection(file, rules, now));
  }
  return [];
}

/** Done-files and checksum files of the files, which themselves are none that a run takes. */
export function companionsOf(
  files: Iterable<RemotePath>,
  { companionOf, checksumFile }: CompiledRules,
): Set<RemotePath> {
  const finders = [companionOf, checksumFile?.of].filter((finder) => finder !== undefined);
  const companions = new Set<RemotePath>();
  for (const path of finders.length > 0 ? files : [])
    for (const companion of finders.map((of) => of(path)))
      if (companion !== undefined) companions.add(companion);
  return companions;
}

/**
 * Why the files are not as many as were agreed; `undefined` if they are. What counts is there and ready, whether it
 * is this run's turn or a later one's.
 */
export function whyUnexpected(
  explained: readonly Explained[],
  { expect }: CompiledRules,
): string | undefined {
  if (!expect) return undefined;
  const { min = 0, max = Number.POSITIVE_INFINITY } = expect;
  const count = (...outcomes: Verdict['outcome'][]) =>
    explained.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const found = count('selected', 'over-limit', 'empty-refused');
  if (found >= min && found <= max) return undefined;
  const unready = count('unsettled', 'not-done');
  const others = unready === 0 ? '' : `, and ${unready} that may still be being written`;
  const agreed = found < min ? `at least ${min}` : `at most ${max}`;
  return `${agreed} files are expected; there are ${found}${others}`;
}

function afterwards(taken: Taken, { first: { size } }: Candidate, { outcome }: Verdict): Taken {
  if (outcome === 'selected') return { ...taken, files: taken.files + 1, bytes: taken.bytes + size };
  return outcome === 'over-limit' && !taken.full ? { ...taken, full: true } : taken;
}

function inOrder(files: readonly Candidate[], { order }: CompiledRules): Candidate[] {
  const { by = 'name', descending = false } = order ?? {};
  const sign = descending ? -1 : 1;
  return [...files].sort((a, b) => sign * comparisons[by](a, b) || byPath(a, b));
}

const comparisons = {
  name: byPath,
  time: (a: Candidate, b: Candidate) => a.first.modifiedAt.getTime() - b.first.modifiedAt.getTime(),
  size: (a: Candidate, b: Candidate) => a.first.size - b.first.size,
} as const;

/** By code units: the same on every machine, whatever its language. */
function byPath(a: Candidate, b: Candidate): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
