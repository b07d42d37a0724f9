import type { FailureCode } from './failure.js';
import type { Id } from './ids.js';

export const selectionOutcomes = [
  'selected',
  'not-matched',
  'part-file',
  'claimed',
  'companion',
  'not-done',
  'empty',
  'empty-refused',
  'wrong-size',
  'wrong-age',
  'seen',
  'unsettled',
  'over-limit',
] as const;
/**
 * What selection makes of a file. `claimed`: taken by a run, of whichever transfer; `companion`: a done-file or checksum
 * file; `not-done`: its own is missing; `empty-refused`: empty, and the rules say that this is a failure; `over-limit`: a
 * later run's turn.
 */
export type SelectionOutcome = (typeof selectionOutcomes)[number];

export const selectionQuestions = [
  'name',
  'done-file',
  'size',
  'new',
  'age',
  'settled',
  'checksum-file',
  'limits',
] as const;
/** What is asked of a file, in this order: the first "no" decides. */
export type SelectionQuestion = (typeof selectionQuestions)[number];

export const answers = ['yes', 'no', 'not-asked'] as const;

/** `not-asked`: the definition has no rule for it. */
export interface Answer {
  readonly question: SelectionQuestion;
  readonly answer: (typeof answers)[number];
  /** Empty where it was not asked. */
  readonly because: string;
}

export const foreseenDecisions = ['move', 'fail', 'leave'] as const;
/** What a run would do with a file. `fail`: it would record the file as failed, and end `partial`. */
export type ForeseenDecision = (typeof foreseenDecisions)[number];

/** What a run would do with a file now. */
export interface ForeseenFile {
  readonly decision: ForeseenDecision;
  /** What selection made of it, or of one that would fail the code of the failure. */
  readonly code: SelectionOutcome | FailureCode;
  readonly because: string;
  /** At the source, from the endpoint's root. */
  readonly path: string;
  /** At the target; `null` unless it would be moved. */
  readonly targetPath: string | null;
  /** Bytes; 0 of a name that can't be used. */
  readonly size: number;
  /** ISO 8601. */
  readonly modifiedAt: string | null;
}

export interface ForeseenCount {
  readonly files: number;
  readonly bytes: number;
}

/** What a run of a transfer would do now, found out without doing any of it. */
export interface DryRunReport {
  /** Of the definition that was tried. */
  readonly version: number;
  /** A disabled transfer makes no runs. */
  readonly enabled: boolean;
  /** Why a run would move nothing at all, and fail. */
  readonly obstacle: string | null;
  readonly counts: Readonly<Record<ForeseenDecision, ForeseenCount>>;
  /** Those to move, to fail and to leave, of each so many at most. */
  readonly files: readonly ForeseenFile[];
}

/** What a run of a transfer would do with one file now, and all that was asked to decide it. */
export interface Explanation extends Pick<DryRunReport, 'version' | 'enabled' | 'obstacle'> {
  readonly transferId: Id;
  readonly transferName: string;
  /** `null`: no file of the transfer is at that path, and `nowhere` says why. */
  readonly file: ForeseenFile | null;
  readonly nowhere: string | null;
  readonly answers: readonly Answer[];
}

export interface ExplanationReport {
  /** Of each transfer that reads there, or of the one that was asked for. */
  readonly transfers: readonly Explanation[];
}
