import type { AcknowledgementRule } from '../acknowledgement.js';
import type { RemotePath } from '../remote-path.js';
import type { TransferDefinition } from '../transfer.js';
import type { Refusal } from './checksum-files.js';
import { type CompanionFinder, companionFinder, hasFixedText, whyCompanionNameRefused } from './companion.js';

type Sides = {
  readonly source: Pick<TransferDefinition['source'], 'endpointId' | 'directory' | 'selection'>;
  readonly target: Pick<
    TransferDefinition['target'],
    'endpointId' | 'directory' | 'checksumFile' | 'acknowledgement'
  >;
};

/** Where the partner's answers to a file lie; `undefined` if their names would be none. */
export interface AnswerFinder {
  readonly acknowledgement: CompanionFinder;
  /** Left out where partners do not refuse. */
  readonly refusal?: CompanionFinder | undefined;
}

export function answerFinder({ name, refusalName, directory }: AcknowledgementRule): AnswerFinder {
  const refusal = refusalName === undefined ? undefined : companionFinder(refusalName, directory);
  return { acknowledgement: companionFinder(name, directory), refusal };
}

/** The paths of all answers to a file; `undefined` if one of their names would be none. */
export function answerPaths(
  { acknowledgement, refusal }: AnswerFinder,
  path: RemotePath,
): readonly RemotePath[] | undefined {
  const paths = refusal ? [acknowledgement(path), refusal(path)] : [acknowledgement(path)];
  return paths.every((found) => found !== undefined) ? paths : undefined;
}

/**
 * Why what a definition says of acknowledgements contradicts itself, or could never be met; `undefined` if it may be
 * used. Its other rules were checked before.
 */
export function whyAcknowledgementRefused({ source, target }: Sides): Refusal | undefined {
  const { acknowledgement } = target;
  if (!acknowledgement) return undefined;
  const { name, refusalName, directory } = acknowledgement;
  const isBeside = directory === undefined || directory === target.directory;
  const names = [
    ['name', name],
    ['refusalName', refusalName],
  ] as const;
  for (const [member, template] of names) {
    const why = template === undefined ? undefined : whyNameRefused(template, isBeside, { source, target });
    if (why !== undefined) return refusalOf(member, why);
  }
  if (name === refusalName)
    return refusalOf('refusalName', 'an acknowledgement has the same name; one of them has to differ');
  if (directory === source.directory && source.endpointId === target.endpointId)
    return refusalOf('directory', 'it is the source directory, where answers would be taken for files');
  return undefined;
}

function whyNameRefused(template: string, isBeside: boolean, { source, target }: Sides): string | undefined {
  if (template.includes('/')) return 'it is a name alone: say by "directory" where answers lie';
  const why = whyCompanionNameRefused(template, 'an answer');
  if (why !== undefined || !isBeside) return why;
  if (!hasFixedText(template))
    return 'the name of an answer beside its file has to differ from that by a text, such as ".ack"';
  const { doneFile } = source.selection ?? {};
  const moved = doneFile?.afterwards === 'move' ? doneFile.name : undefined;
  if (template === target.checksumFile?.name || template === moved)
    return 'Waybill itself puts a file of this name beside each file, and would take it for the answer';
  return undefined;
}

function refusalOf(member: keyof AcknowledgementRule, message: string): Refusal {
  return { path: ['target', 'acknowledgement', member], message };
}
