export const emptyFileRules = ['move', 'skip', 'fail'] as const;
/** What happens to a file of zero bytes; `fail`: it is not moved, and its delivery has failed. */
export type EmptyFileRule = (typeof emptyFileRules)[number];

export const recursions = ['mirror', 'flatten'] as const;
/** Are directories below the source directory kept at the target, or do all files go into one? */
export type Recursion = (typeof recursions)[number];

export const orderKeys = ['name', 'time', 'size'] as const;
export type OrderKey = (typeof orderKeys)[number];

export const companionRules = ['keep', 'move', 'remove'] as const;
/**
 * What becomes of a done-file: it stays; it is moved like its file, once that has arrived; or it is removed at the
 * source once its file has arrived.
 */
export type CompanionRule = (typeof companionRules)[number];

/** Which files of the source a run takes, besides the patterns for their names. What is left out, limits nothing. */
export interface SelectionRules {
  /** Left out: the files directly in the directory alone. Hidden directories and links are never entered. */
  readonly recursive?: Recursion | undefined;
  readonly minBytes?: number | undefined;
  readonly maxBytes?: number | undefined;
  /** Age by the source's clock: since the last modification. */
  readonly minAgeMs?: number | undefined;
  readonly maxAgeMs?: number | undefined;
  /** Default: `move`. */
  readonly emptyFiles?: EmptyFileRule | undefined;
  /** A file counts only once its done-file lies beside it. */
  readonly doneFile?:
    | {
        /** Template of its name, such as `{name}.done` or `{stem}.ok`. */
        readonly name: string;
        readonly afterwards: CompanionRule;
      }
    | undefined;
  /**
   * A file counts as written to its end once size and time have stayed the same for so long. 0: take every file as it
   * is. Left out: two seconds, or 0 with a done-file, which says the same more reliably.
   */
  readonly settleMs?: number | undefined;
  /** What the transfer has delivered before is not taken again: the same path with the same content. Default: no. */
  readonly onlyNew?: boolean | undefined;
  /** In which files are taken, limits counted and `{seq}` numbered. Default: by name, ascending. Ties go by path. */
  readonly order?: { readonly by: OrderKey; readonly descending?: boolean | undefined } | undefined;
  /** Of one run; the next one takes the rest. */
  readonly atMostFiles?: number | undefined;
  /** Of one run. A file that is larger by itself is taken alone, or it would never be. */
  readonly atMostBytes?: number | undefined;
  /** How many files have to be there, before the limits of a run; otherwise nothing is moved. */
  readonly expect?: { readonly min?: number | undefined; readonly max?: number | undefined } | undefined;
}

const DEFAULT_SETTLE_MS = 2_000;

export function settleMsOf({ settleMs, doneFile }: SelectionRules): number {
  return settleMs ?? (doneFile ? 0 : DEFAULT_SETTLE_MS);
}
