import type { TransferDefinition } from '../transfer.js';
import { hasFixedText, isUnshared, whyCompanionNameRefused } from './companion.js';

type Sides = {
  readonly source: Pick<TransferDefinition['source'], 'selection' | 'checksumFile'>;
  readonly target: Pick<TransferDefinition['target'], 'checksumFile'>;
  readonly disposition: TransferDefinition['disposition'];
};

/** What of a definition is refused, and why. */
export interface Refusal {
  /** From the top of the definition. */
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * Why what a definition says of checksum files contradicts itself, or could never be met; `undefined` if it may be
 * used. The rules of `selection` were checked before.
 */
export function whyChecksumFilesRefused(definition: Sides): Refusal | undefined {
  return (
    whyNameRefused('source', definition.source.checksumFile) ??
    whyNameRefused('target', definition.target.checksumFile) ??
    whyTogetherRefused(definition)
  );
}

function whyNameRefused(
  side: 'source' | 'target',
  rule: { readonly name: string } | undefined,
): Refusal | undefined {
  if (!rule) return undefined;
  const what = 'a checksum file';
  const message =
    whyCompanionNameRefused(rule.name, what) ??
    (hasFixedText(rule.name)
      ? undefined
      : `the name of ${what} has to differ from its file's by a text, such as ".sha256"`);
  return message === undefined ? undefined : refusal(side, message);
}

function whyTogetherRefused({ source, target, disposition }: Sides): Refusal | undefined {
  const required = source.checksumFile?.name;
  const doneFile = source.selection?.doneFile;
  if (required !== undefined && doneFile?.name === required)
    return refusal('source', 'it is the name of the done-file, too; one of them has to differ');
  if (required !== undefined && disposition.kind !== 'keep' && !isUnshared(required))
    return refusal(
      'source',
      `files may share a checksum file of this name, which the disposition "${disposition.kind}" of one would take from ` +
        'the others; name it by {name}, or keep the source files',
    );
  if (doneFile?.afterwards === 'move' && doneFile.name === target.checksumFile?.name)
    return refusal('target', 'the done-file is moved to this very name; one of them has to differ');
  return undefined;
}

function refusal(side: 'source' | 'target', message: string): Refusal {
  return { path: [side, 'checksumFile', 'name'], message };
}
