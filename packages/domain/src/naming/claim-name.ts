import type { Id } from '../ids.js';
import { baseName, joinPath, parentOf, type RemotePath } from '../remote-path.js';
import type { SourceClaim, TransferDefinition } from '../transfer.js';
import { fitName } from './part-name.js';

const SUFFIX = /^\.[A-Za-z0-9_-]{1,32}$/;
const CLAIM_NAME = /^.+\.waybill-([0-9a-f]{12})(?:\.[A-Za-z0-9_-]{1,32})?$/s;

/**
 * Where the source of a delivery lies while it is claimed. It is the same in every attempt, so that the next one finds
 * what the last one claimed; no other delivery has it: the last 12 digits of a delivery's id are random.
 */
export function claimPathOf(claim: SourceClaim, deliveryId: Id, source: RemotePath): RemotePath {
  const suffix = 'suffix' in claim ? claim.suffix : '';
  const name = fitName('', baseName(source), `.waybill-${claimTagOf(deliveryId)}${suffix}`);
  return joinPath('directory' in claim ? claim.directory : parentOf(source), name);
}

/** What of its delivery's id a claimed name holds. */
export function claimTagOf(deliveryId: Id): string {
  return deliveryId.slice(-12);
}

/** The tag in the name of a claimed file, of whichever transfer; `undefined` if the name is none. */
export function readClaimTag(name: string): string | undefined {
  return CLAIM_NAME.exec(name)?.[1];
}

/** Why a transfer can't claim in the way that its definition says, with the member at fault. */
export function whyClaimRefused({
  source,
  target,
  disposition,
}: Pick<TransferDefinition, 'source' | 'target' | 'disposition'>):
  | { readonly member: 'suffix' | 'directory'; readonly message: string }
  | undefined {
  const { claim } = source;
  if (!claim) return undefined;
  if ('suffix' in claim) {
    const message = whySuffixRefused(claim.suffix);
    return message === undefined ? undefined : { member: 'suffix', message };
  }
  const { directory } = claim;
  const refused = (whose: string) => ({
    member: 'directory' as const,
    message: `claimed files would lie in ${whose} itself, "${directory}"; choose a directory of their own`,
  });
  if (directory === source.directory) return refused('the source directory');
  if (disposition.kind === 'archive' && directory === disposition.directory) return refused('the archive');
  if (source.endpointId === target.endpointId && directory === target.directory)
    return refused('the target directory');
  return undefined;
}

function whySuffixRefused(suffix: string): string | undefined {
  if (!SUFFIX.test(suffix))
    return `the suffix "${suffix}" is not a dot and 1 to 32 letters, digits, "_" or "-", such as ".processing"`;
  if (readClaimTag(`x${suffix}`) !== undefined)
    return `the suffix "${suffix}" reads like the end of a claimed name; choose another one`;
  return undefined;
}
