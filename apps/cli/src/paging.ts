import type { Column, Output } from './output.js';

export interface Page<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

type FetchPage<T> = (paging: { limit: number; cursor?: string }) => Promise<Page<T>>;

/** The API's own limit. */
const LARGEST_PAGE = 200;

/** The first `limit` items of a list, out of as many pages as that takes. */
export async function fetchUpTo<T>(limit: number, fetchPage: FetchPage<T>): Promise<Page<T>> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await fetchPage({
      limit: Math.min(LARGEST_PAGE, limit - items.length),
      ...(cursor === null ? {} : { cursor }),
    });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && items.length < limit);
  return { items, nextCursor: cursor };
}

/** Prints a list, and says where it was cut. */
export function printPage<T>(out: Output, page: Page<T>, columns: readonly Column<T>[]): void {
  out.result(page, () => out.table(page.items, columns));
  if (page.nextCursor !== null && !out.json)
    out.note(`Only the first ${page.items.length}; more with --limit.`);
}
