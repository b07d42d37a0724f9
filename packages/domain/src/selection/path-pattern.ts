import { whyGlobRefused } from '../glob.js';
import { globMatcher } from './glob-matcher.js';

/** Why a pattern for paths is refused; `undefined` if it may be used. */
export function whyPathPatternRefused(pattern: string): string | undefined {
  return whyGlobRefused(partsOf(pattern).name);
}

/**
 * Matches paths against a glob for the names in a directory (`out/*.csv`; in that of the endpoint itself: `/*.csv`), or,
 * without one, in all directories.
 */
export function pathMatcher(pattern: string): (path: string) => boolean {
  const wanted = partsOf(pattern);
  const isName = globMatcher(wanted.name);
  return (path) => {
    const { directory = '', name } = partsOf(path);
    return (wanted.directory === undefined || wanted.directory === directory) && isName(name);
  };
}

function partsOf(path: string): { readonly directory: string | undefined; readonly name: string } {
  const at = path.lastIndexOf('/');
  return at < 0
    ? { directory: undefined, name: path }
    : { directory: path.slice(0, at), name: path.slice(at + 1) };
}
