import { isId } from '@waybill/domain';
import { invalid } from './refusal.js';

/** What a list is paged by. */
export type CursorKind = keyof typeof forms;

const forms = {
  name: (after: string) => /^[a-z0-9._-]{1,63}$/.test(after),
  id: isId,
  number: (after: string) => /^\d{1,15}$/.test(after),
  time: (after: string) => !Number.isNaN(Date.parse(after)),
};

/** @param next where the next page begins */
export function encodeCursor(kind: CursorKind, next: string | undefined): string | null {
  return next === undefined ? null : Buffer.from(`${kind}:${next}`).toString('base64url');
}

/** @throws Refusal naming the parameter, if the cursor is none of ours or of another list */
export function decodeCursor(kind: CursorKind, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString();
  const after = text.slice(kind.length + 1);
  if (!text.startsWith(`${kind}:`) || !forms[kind](after))
    throw invalid([{ parameter: 'cursor', message: 'this is not a nextCursor of this list' }]);
  return after;
}

/** One page of a list: reads it from `list`, presents the items, wraps the cursors. */
export async function pageOf<T, Shown>(
  kind: CursorKind,
  query: { readonly limit: number; readonly cursor?: string | undefined },
  list: (page: {
    limit: number;
    after: string | undefined;
  }) => Promise<{ items: T[]; next: string | undefined }>,
  present: (item: T) => Shown,
): Promise<{ items: Shown[]; nextCursor: string | null }> {
  const { items, next } = await list({ limit: query.limit, after: decodeCursor(kind, query.cursor) });
  return { items: items.map(present), nextCursor: encodeCursor(kind, next) };
}
