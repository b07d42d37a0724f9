import type { Id } from '../ids.js';
import { baseName, joinPath, parentOf, type RemotePath } from '../remote-path.js';
import { fitName, partPathOf } from './part-name.js';

/** Under which name bytes arrive at an endpoint, for the sake of servers and programs that mind our own. */
export type PartNaming =
  /** `.waybill-<12 digits>-<name>.part`, beside the final name. */
  | { readonly kind: 'own' }
  | { readonly kind: 'suffix'; readonly suffix: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  /** Our own names, in another directory of the same endpoint. */
  | { readonly kind: 'directory'; readonly directory: RemotePath }
  | { readonly kind: 'none' };

export interface PartPlan {
  readonly path: RemotePath;
  /** The file shows under its final name whole or not at all. */
  readonly wholeOrNotAtAll: boolean;
  /** No other delivery can have this part file, so that what lies there is ours to continue or to remove. */
  readonly unmistakable: boolean;
  /** What is paid for it, to show where it is chosen; empty for our own names. */
  readonly costs: readonly string[];
}

const MISTAKABLE =
  'a leftover can be another delivery’s or somebody else’s: it is written over, but neither continued nor swept';

/** The part file of a delivery, and what its name costs. */
export function planPart(naming: PartNaming, deliveryId: Id, target: RemotePath): PartPlan {
  const own = partPathOf(deliveryId, target);
  const name = baseName(target);
  const beside = (partName: string) => joinPath(parentOf(target), partName);
  switch (naming.kind) {
    case 'own':
      return { path: own, wholeOrNotAtAll: true, unmistakable: true, costs: [] };
    case 'suffix':
      return mistakable(beside(fitName('', name, naming.suffix)));
    case 'prefix':
      return mistakable(beside(fitName(naming.prefix, name, '')));
    case 'directory':
      return {
        path: joinPath(naming.directory, baseName(own)),
        wholeOrNotAtAll: true,
        unmistakable: true,
        costs: [
          'the account needs the right to create there, and both directories have to be on one file system',
        ],
      };
    case 'none':
      return {
        path: target,
        wholeOrNotAtAll: false,
        unmistakable: false,
        costs: [
          'readers see the file grow, and half of it after a failure',
          'a file that is there is lost as soon as the new one begins',
          'it is read back only after everybody could see it',
        ],
      };
  }
}

/** Why a suffix or prefix for part files is refused; `undefined` if it may be used. */
export function whyAffixRefused(affix: string): string | undefined {
  if (affix === '') return 'it is empty: the part file would have the final name';
  if (affix.length > 30) return 'it is longer than 30 characters';
  if (/[/\p{Cc}\p{Cs}]/u.test(affix)) return 'it holds a "/" or a control character';
  return undefined;
}

function mistakable(path: RemotePath): PartPlan {
  return { path, wholeOrNotAtAll: true, unmistakable: false, costs: [MISTAKABLE] };
}
