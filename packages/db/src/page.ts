/** One page of a list. `after` is `next` of the page before. */
export interface Page {
  readonly limit: number;
  readonly after?: string | undefined;
}

export interface Paged<T> {
  readonly items: T[];
  /** Where the next page begins; `undefined` at the end. */
  readonly next: string | undefined;
}

/** Cuts the row too many, which was asked for to learn whether there is a next page. */
export function paged<Row, T>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (row: Row) => string,
  toItem: (row: Row) => T,
): Paged<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(toItem),
    next: rows.length > limit && last !== undefined ? cursorOf(last) : undefined,
  };
}
