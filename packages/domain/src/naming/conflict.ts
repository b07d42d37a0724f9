import { baseName, joinPath, parentOf, type RemotePath } from '../remote-path.js';
import type { TransferDefinition } from '../transfer.js';
import type { TransformKind } from '../transform.js';
import { nameParts } from './name-parts.js';
import { fitName } from './part-name.js';
import type { PartNaming } from './part-naming.js';

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
export function whyConflictRefused(
  definition: Pick<TransferDefinition, 'conflict' | 'source' | 'target' | 'set' | 'transforms'>,
): { readonly member: string; readonly message: string } | undefined {
  const { conflict, source, target } = definition;
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
  const append = conflict === 'append' ? whyAppendRefused(definition) : undefined;
  return append === undefined ? undefined : { member: 'conflict', message: `"${conflict}" ${append}` };
}

/** One file of these behind another is no file of the kind any more. Members of gzip make one, by its standard. */
const FRAMED: readonly TransformKind[] = ['zip', 'openpgp-encrypt', 'openpgp-sign'];

function whyAppendRefused({
  source,
  target,
  set,
  transforms = [],
}: Pick<TransferDefinition, 'source' | 'target' | 'set' | 'transforms'>): string | undefined {
  if (source.selection?.doneFile?.afterwards === 'move')
    return 'would extend done-files as well: have them kept or removed, or choose another rule';
  if (target.checksumFile)
    return 'extends a file whose checksum file is written already: leave target.checksumFile out, or choose another rule';
  if (target.acknowledgement)
    return 'extends a file that the partner may have answered already: leave target.acknowledgement out, or choose another rule';
  if (set)
    return 'extends files one by one, and those of a set come together: leave set out, or choose another rule';
  const framed = transforms.find(({ kind }) => FRAMED.includes(kind));
  return (
    framed &&
    `puts files behind each other, which those that "${framed.kind}" makes don't survive: leave it out, or choose another rule`
  );
}

/** Why files can't be extended where part files are named so; `undefined` if they can. */
export function whyAppendRefusedBy(naming: PartNaming | undefined): string | undefined {
  if (naming?.kind !== 'none') return undefined;
  return '"append" extends a file by a part file, and partNaming of the target endpoint is "none": choose another one';
}
