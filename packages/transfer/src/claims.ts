import { baseName, type RemotePath } from '@waybill/domain';
import { claimTagOf, readClaimTag } from '@waybill/domain/naming';
import { compileRules } from '@waybill/domain/selection';
import { StorageError } from '@waybill/storage';
import { listIfThere, walk } from './list-source.js';
import { Superseded } from './run-journal.js';
import type { RunTransferInput } from './run-transfer.js';

/** Of claimed files that carry these tags, those whose runs are over: the tag, and the path that the file had. */
export type ClaimsOfEndedRuns = (tags: readonly string[]) => Promise<ReadonlyMap<string, RemotePath>>;

const GIVING_BACK_MS = 30_000;

/**
 * Before anything is selected: what runs of this transfer claimed and, having been cancelled or given up while no
 * attempt was there to do it, never gave back. What runs that can still go on have claimed stays theirs.
 */
export async function giveBackLeftovers(input: RunTransferInput): Promise<void> {
  const { claimsOfEndedRuns } = input;
  if (!input.definition.source.claim || !claimsOfEndedRuns) return;
  const claimed = await listClaims(input);
  if (claimed.size === 0) return;
  await giveBackEach(input, claimed, await claimsOfEndedRuns([...claimed.keys()]), 'a run that has ended');
}

/** After the last attempt, however it ended: best effort, since the next run of the transfer gives back the rest. */
export async function giveBackAll(input: RunTransferInput): Promise<void> {
  if (!input.definition.source.claim) return;
  const { source, onWarning: warn = () => {} } = input;
  // The attempt may have been stopped by its own signal.
  const later = { ...input, signal: AbortSignal.timeout(GIVING_BACK_MS) };
  try {
    const records = await input.journal.deliveries();
    const ours = records.filter(({ state }) => ['selected', 'moving', 'failed'].includes(state));
    const claimed = await listClaims(later);
    await giveBackEach(
      later,
      claimed,
      new Map(ours.map(({ id, sourcePath }) => [claimTagOf(id), sourcePath as RemotePath])),
      'this run, which ends here',
    );
  } catch (error) {
    if (error instanceof Superseded) throw error;
    warn(`claimed files at ${source.label} may keep their claimed names until the next run`, error);
  }
}

async function giveBackEach(
  { source, signal, journal, onWarning: warn = () => {} }: RunTransferInput,
  claimed: ReadonlyMap<string, RemotePath>,
  names: ReadonlyMap<string, RemotePath>,
  whose: string,
): Promise<void> {
  for (const [tag, sourcePath] of names) {
    const path = claimed.get(tag);
    if (path === undefined) continue;
    await journal.claiming();
    try {
      await source.move(path, sourcePath, { replace: false, signal });
      warn(`${path} at ${source.label} was claimed by ${whose}; it is called ${sourcePath} again`, undefined);
    } catch (error) {
      if (signal.aborted || !(error instanceof StorageError)) throw error;
      warn(`${path} at ${source.label} was claimed by ${whose}, and keeps that name`, error);
    }
  }
}

/** Claimed files where this transfer would have put them, of whichever run and transfer, by their tags. */
async function listClaims(input: RunTransferInput): Promise<Map<string, RemotePath>> {
  const { definition, source, signal } = input;
  const { claim } = definition.source;
  const claimed = new Map<string, RemotePath>();
  const add = (path: RemotePath) => {
    const tag = readClaimTag(baseName(path));
    if (tag !== undefined) claimed.set(tag, path);
  };
  if (claim && 'directory' in claim) {
    for await (const entry of listIfThere(source, claim.directory, signal))
      if (entry.kind === 'file') add(entry.path);
  } else {
    const { now = () => new Date() } = input;
    const rules = compileRules(definition.source);
    for await (const [, entry] of walk({ definition, rules, source, signal, now }))
      if (entry.kind === 'file') add(entry.path);
  }
  return claimed;
}
