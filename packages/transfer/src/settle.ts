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

export interface SettlingOptions extends ListingOptions {
  /** Files that would have to be waited for longer are looked at once. Left out: they are waited for. */
  readonly settleWithinMs?: number | undefined;
}

/**
 * What becomes of each file that was listed. Files that one look does not prove to be written to their end are looked
 * at again an interval later; where there are none, nothing is waited for.
 * @throws the signal's reason as soon as it is aborted
 */
export async function selectSettled(
  options: SettlingOptions,
  { files }: Pick<Listing, 'files'>,
  context: SelectionContext,
): Promise<Explained[]> {
  const { rules, signal, settleWithinMs = Number.POSITIVE_INFINITY } = options;
  const explained = select(files, rules, context);
  const unsettled = new Set(explained.filter(isUnsettled).map(({ file }) => file.path));
  const gapMs = settleGapMs(settleMsOf(rules), context.clock);
  if (unsettled.size === 0 || gapMs > settleWithinMs) return explained;

  await wait(gapMs, signal);
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
