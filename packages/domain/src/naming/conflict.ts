import { baseName, joinPath, parentOf, type RemotePath } from '../remote-path.js';
import type { TransferDefinition } from '../transfer.js';
import { nameParts } from './name-parts.js';
import { fitName } from './part-name.js';

export const DEFAULT_RENAME_SUFFIX = ' ({n})';
/** Names that are tried beside the wanted one. */
export const MAX_RENAMES = 999;

/** Why the suffix of a rename is refused; `undefined` if it may be used. */
export function whySuffixRefused(suffix: string): string | undefined {
  if (suffix.split('{n}').length !== 2) return 'the suffix has to hold {n} exactly once';
  if (suffix.length > 50) return 'the suffix is longer than 50 characters';
  if (/[/\p{Cc}\p{Cs}]/u.test(suffix)) return 'the suffix holds a "/" or a control character';
  return undefined;
}

/** The names that a file may get which is to become `wanted`, the wanted one first. */
export function* namesFor(
  wanted: RemotePath,
  suffix: string = DEFAULT_RENAME_SUFFIX,
): Generator<RemotePath, void, undefined> {
  yield wanted;
  const { stem, dotExtension } = nameParts(baseName(wanted));
  for (let n = 1; n <= MAX_RENAMES; n++) {
    const added = suffix.replace('{n}', () => String(n)) + dotExtension;
    yield joinPath(parentOf(wanted), fitName('', stem, added));
  }
}

/** Why the conflict rule does not go with the rest of the definition; `undefined` if it does. */
export function whyConflictRefused({
  conflict,
  source,
  target,
}: Pick<TransferDefinition, 'conflict' | 'source' | 'target'>):
  | { readonly member: string; readonly message: string }
  | undefined {
  if (target.renameSuffix !== undefined && conflict !== 'rename')
    return {
      member: 'target/renameSuffix',
      message: `the conflict rule is "${conflict}", which renames nothing: leave renameSuffix out, or choose "rename"`,
    };
  const suffix = target.renameSuffix === undefined ? undefined : whySuffixRefused(target.renameSuffix);
  if (suffix !== undefined) return { member: 'target/renameSuffix', message: suffix };
  if (conflict === 'rename' && source.selection?.doneFile?.afterwards === 'move')
    return {
      member: 'conflict',
      message: `"${conflict}" would part a done-file from its file: have done-files kept or removed, or choose another rule`,
    };
  return undefined;
}
