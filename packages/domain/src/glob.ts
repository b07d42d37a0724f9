const MAX_PATTERN_LENGTH = 255;
const MAX_STARS = 6;

/**
 * Why a pattern for file names is refused; `undefined` if it may be used. What is refused would not mean what its
 * writer thinks (paths, extended globs), or would cost more than any real pattern needs.
 */
export function whyGlobRefused(pattern: string): string | undefined {
  if (pattern === '') return 'the pattern is empty';
  if (pattern.length > MAX_PATTERN_LENGTH)
    return `the pattern is longer than ${MAX_PATTERN_LENGTH} characters`;
  if (pattern.includes('/')) return 'the pattern holds a "/": it is matched against names in one directory';
  if (/[()]/.test(pattern)) return 'parentheses (extended globs) are not supported';
  if ((pattern.match(/\*/g)?.length ?? 0) > MAX_STARS) return `the pattern has more than ${MAX_STARS} stars`;
  if ((pattern.match(/\{/g)?.length ?? 0) > 2) return 'the pattern has more than two brace groups';
  return undefined;
}
