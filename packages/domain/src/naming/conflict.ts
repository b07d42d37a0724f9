import { baseName, joinPath, parentOf, type RemotePath } from '../remote-path.js';
import { nameParts } from './name-parts.js';
import { fitName } from './part-name.js';

/** What happens where the target already has a file of the final name. */
export type ConflictPolicy =
  | { readonly kind: 'replace' | 'skip' | 'fail' | 'append' }
  /** Another name: `suffix` with `{n}` counted up from 1, before the extension. Default: ` ({n})`. */
  | { readonly kind: 'rename'; readonly suffix?: string | undefined };

export type ConflictDecision =
  | { readonly kind: 'put'; readonly path: RemotePath; readonly replace: boolean }
  | { readonly kind: 'append'; readonly path: RemotePath }
  | { readonly kind: 'skip' | 'fail'; readonly because: string };

const DEFAULT_SUFFIX = ' ({n})';
const MAX_TRIES = 999;

/** Why the suffix of a rename is refused; `undefined` if it may be used. */
export function whySuffixRefused(suffix: string): string | undefined {
  if (suffix.split('{n}').length !== 2) return 'the suffix has to hold {n} exactly once';
  if (suffix.length > 50) return 'the suffix is longer than 50 characters';
  if (/[/\p{Cc}\p{Cs}]/u.test(suffix)) return 'the suffix holds a "/" or a control character';
  return undefined;
}

/** Where a file goes that is to become `target`, given which paths are taken. */
export function decideConflict(
  policy: ConflictPolicy,
  target: RemotePath,
  isTaken: (path: RemotePath) => boolean,
): ConflictDecision {
  if (policy.kind === 'replace') return { kind: 'put', path: target, replace: true };
  if (!isTaken(target)) return { kind: 'put', path: target, replace: false };
  const there = `the target already has ${target}`;
  if (policy.kind === 'append') return { kind: 'append', path: target };
  if (policy.kind !== 'rename')
    return { kind: policy.kind, because: `${there}, and the conflict rule is "${policy.kind}"` };
  for (let n = 1; n <= MAX_TRIES; n++) {
    const path = renamed(target, policy.suffix ?? DEFAULT_SUFFIX, n);
    if (!isTaken(path)) return { kind: 'put', path, replace: false };
  }
  return { kind: 'fail', because: `${there}, and ${MAX_TRIES} other names for it; remove some` };
}

function renamed(target: RemotePath, suffix: string, n: number): RemotePath {
  const { stem, dotExtension } = nameParts(baseName(target));
  const added = suffix.replace('{n}', () => String(n)) + dotExtension;
  return joinPath(parentOf(target), fitName('', stem, added));
}
