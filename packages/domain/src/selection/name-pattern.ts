import { RE2JS } from 're2js';
import { whyGlobRefused } from '../glob.js';
import { globMatcher } from './glob-matcher.js';

const MAX_EXPRESSION_LENGTH = 500;
/** Steps of the compiled expression, which bound the time of a match: steps times length of the name. */
const MAX_PROGRAM_SIZE = 2_000;

/**
 * Why a pattern for names is refused; `undefined` if it may be used. A glob, or a regular expression between slashes,
 * `/…/` or `/…/i`, which has to match the whole name.
 */
export function whyPatternRefused(pattern: string): string | undefined {
  const expression = expressionOf(pattern);
  if (!expression) return whyGlobRefused(pattern);
  if (pattern.length > MAX_EXPRESSION_LENGTH)
    return `the pattern is longer than ${MAX_EXPRESSION_LENGTH} characters`;
  try {
    const size = compile(expression).programSize();
    if (size <= MAX_PROGRAM_SIZE) return undefined;
    return `the regular expression needs ${size} steps, more than ${MAX_PROGRAM_SIZE}: use smaller repetitions`;
  } catch (error) {
    return (
      `not a regular expression that can be used: ${(error as Error).message}; ` +
      'the syntax is that of RE2, which has no back-references and no look-around'
    );
  }
}

/**
 * Matches names against a pattern that is not refused, in time proportional to the length of the name: names come
 * from the other side, and expressions that backtrack can be made to take for ever. Hidden names (with a leading dot)
 * are matched only where `hidden`.
 */
export interface NamePattern {
  readonly text: string;
  /** The pattern itself begins with a dot, and so means hidden names. */
  readonly hidden: boolean;
  readonly isMatch: (name: string) => boolean;
}

export function namePattern(text: string): NamePattern {
  const expression = expressionOf(text);
  if (!expression) return { text, hidden: text.startsWith('.'), isMatch: globMatcher(text) };
  const compiled = compile(expression);
  const hidden = /^\^?(\\\.|\[\.\])/.test(expression.source);
  return { text, hidden, isMatch: (name) => compiled.testExact(name) };
}

/** A "/" is in no name, so that a pattern that begins with one can't be meant as a glob. */
function expressionOf(pattern: string): { source: string; ignoreCase: boolean } | undefined {
  const found = /^\/(.*)\/(i?)$/s.exec(pattern);
  return found ? { source: found[1] ?? '', ignoreCase: found[2] === 'i' } : undefined;
}

function compile({ source, ignoreCase }: { source: string; ignoreCase: boolean }): RE2JS {
  return RE2JS.compile(source, RE2JS.DOTALL | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0));
}
