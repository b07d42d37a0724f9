import type { Id } from '../ids.js';
import { baseName, joinPath, parentOf, type RemotePath } from '../remote-path.js';
import { fitName, fitsName, isPartName, partPathOf } from './part-name.js';

/**
 * Under which name bytes arrive at an endpoint whose server, or whose programs, mind our own
 * (`.waybill-<12 digits>-<name>.part`, beside the final name).
 * - `suffix`, `prefix`: the final name with this behind or before it; a name that gets too long so has our own
 * - `directory`: our own names, in another directory of the same file system
 * - `none`: the final name itself, so that readers see the file grow
 */
export type PartNaming =
  | { readonly kind: 'suffix'; readonly suffix: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'directory'; readonly directory: RemotePath }
  | { readonly kind: 'none' };

const MAX_AFFIX_LENGTH = 30;

/** Where the bytes of a delivery arrive. It is the same in every attempt. */
export function partPathBy(naming: PartNaming | undefined, deliveryId: Id, target: RemotePath): RemotePath {
  const own = partPathOf(deliveryId, target);
  if (!naming) return own;
  switch (naming.kind) {
    case 'directory':
      return joinPath(naming.directory, baseName(own));
    case 'none':
      return target;
    case 'suffix':
    case 'prefix': {
      const [prefix, suffix] = affixesOf(naming);
      const name = baseName(target);
      return fitsName(prefix, name, suffix) ? joinPath(parentOf(target), fitName(prefix, name, suffix)) : own;
    }
  }
}

/** Is this the name of a part file at an endpoint of this naming: of ours, or of whoever names them alike? */
export function isPartNameBy(naming: PartNaming | undefined, name: string): boolean {
  if (isPartName(name)) return true;
  if (naming?.kind !== 'suffix' && naming?.kind !== 'prefix') return false;
  const [prefix, suffix] = affixesOf(naming);
  return name.startsWith(prefix) && name.endsWith(suffix);
}

/** Why part files can't be named so; `undefined` if they can. */
export function whyPartNamingRefused(naming: PartNaming): string | undefined {
  if (naming.kind !== 'suffix' && naming.kind !== 'prefix') return undefined;
  const affix = affixesOf(naming).join('');
  if (affix === '') return `the ${naming.kind} is empty: the part file would have the final name`;
  if (affix.length > MAX_AFFIX_LENGTH)
    return `the ${naming.kind} is longer than ${MAX_AFFIX_LENGTH} characters`;
  if (/[/\p{Cc}\p{Cs}]/u.test(affix)) return `the ${naming.kind} holds a "/" or a control character`;
  return undefined;
}

/** Why files can't be delivered as a set under part files that are named so; `undefined` if they can. */
export function whySetRefused(naming: PartNaming | undefined): string | undefined {
  if (naming?.kind !== 'none') return undefined;
  return 'the files of a set get their names together, and partNaming of the target endpoint is "none": choose another one';
}

/** Why content can't be looked up before a file has its name; `undefined` if it can. */
export function whyDuplicatesRefused(naming: PartNaming | undefined): string | undefined {
  if (naming?.kind !== 'none') return undefined;
  return (
    'whether a file is a duplicate is known once it has arrived, and partNaming of the target endpoint is "none", so that ' +
    'it would have its name by then: choose another one'
  );
}

/** Such as `suffix .tmp`. */
export function partNamingText(naming: PartNaming): string {
  switch (naming.kind) {
    case 'suffix':
      return `suffix ${naming.suffix}`;
    case 'prefix':
      return `prefix ${naming.prefix}`;
    case 'directory':
      return `directory ${naming.directory}`;
    case 'none':
      return 'none';
  }
}

function affixesOf(naming: Extract<PartNaming, { kind: 'suffix' | 'prefix' }>): [string, string] {
  return naming.kind === 'suffix' ? ['', naming.suffix] : [naming.prefix, ''];
}
