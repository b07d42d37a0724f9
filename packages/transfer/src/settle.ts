import { setTimeout as delay } from 'node:timers/promises';
import { parentOf, settleMsOf } from '@waybill/domain';
import {
  type Candidate,
  type Explained,
  type SelectionContext,
  select,
  settleGapMs,
} from '@waybill/domain/selection';
import { type Listing, type ListingOptions, listAgain } from './list-source.js';

/**
 * What becomes of each file that was listed. Files that one look does not prove to be written to their end are looked
 * at again an interval later; where there are none, nothing is waited for.
 * @throws the signal's reason as soon as it is aborted
 */
export async function selectSettled(
  options: ListingOptions,
  { files }: Pick<Listing, 'files'>,
  context: SelectionContext,
): Promise<Explained[]> {
  const { rules, signal } = options;
  const explained = select(files, rules, context);
  const unsettled = new Set(explained.filter(isUnsettled).map(({ file }) => file.path));
  if (unsettled.size === 0) return explained;

  await wait(settleGapMs(settleMsOf(rules), context.clock), signal);
  const looks = await listAgain(options, new Set([...unsettled].map(parentOf)), unsettled);
  const lookedAtTwice = files.map((file): Candidate => {
    return unsettled.has(file.path) ? { ...file, second: looks.get(file.path) ?? 'gone' } : file;
  });
  return select(lookedAtTwice, rules, context);
}

export function isUnsettled({ outcome }: Explained): boolean {
  return outcome === 'unsettled';
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
