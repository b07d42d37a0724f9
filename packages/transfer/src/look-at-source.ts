import type { RemotePath, TransferDefinition } from '@waybill/domain';
import type { BusinessCalendar, PartNaming } from '@waybill/domain/naming';
import {
  type Candidate,
  type CompiledRules,
  companionsOf,
  compileRules,
  type Explained,
  type Look,
  type SelectionContext,
  type Taken,
} from '@waybill/domain/selection';
import type { StorageEndpoint } from '@waybill/storage';
import { type Ledger, recall, type SeenFiles } from './ledger.js';
import { type Listing, listSource, type RefusedEntry } from './list-source.js';
import type { DeliveryRecord } from './run-journal.js';
import { selectSettled } from './settle.js';

/** What is the same in all attempts of a run. */
export interface RunFacts {
  readonly id: string;
  /** What it is named by: the due time that it stands for, or when it was asked for. */
  readonly madeAt: Date;
  /** Default: weekends, no holidays. */
  readonly calendar?: BusinessCalendar;
}

export interface LookInput {
  readonly definition: TransferDefinition;
  readonly source: StorageEndpoint;
  /** How part files are named at the target; as ours are if left out. */
  readonly targetPartNaming?: PartNaming | undefined;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** What the run has selected in earlier attempts: it counts towards its limits and is not selected again. */
  readonly known: readonly DeliveryRecord[];
  /** Left out: a run of its own, made now. */
  readonly run?: RunFacts | undefined;
  /** The source's clock minus ours, where it was measured. */
  readonly sourceClockOffsetMs?: number | undefined;
  /** What the transfer has delivered before. Left out: nothing. */
  readonly ledger?: Ledger | undefined;
  /** Files that would have to be waited for longer, to be settled, are looked at once. Left out: they are waited for. */
  readonly settleWithinMs?: number | undefined;
  /** Told of each file whose name no pattern means. */
  readonly onUnmatched?: ((file: Candidate) => void) | undefined;
}

/** What the source holds for a run, and what selection makes of it. */
export interface SourceLook {
  readonly rules: CompiledRules;
  /** Of each file whose name matches, and that the run does not have yet; in the order of the rules. */
  readonly explained: readonly Explained[];
  /** Names that can't be used, but would match if they could. */
  readonly refused: readonly RefusedEntry[];
  /** Done-files and checksum files that are there. */
  readonly companions: ReadonlyMap<RemotePath, Look>;
  /** What was asked besides the files and the rules. */
  readonly context: SelectionContext;
}

/** Lists, recalls what was delivered before, and waits for what is not settled. Changes nothing anywhere. */
export async function lookAtSource(input: LookInput): Promise<SourceLook> {
  const { definition, known } = input;
  const rules = compileRules(definition.source);
  const options = { ...input, rules };
  const listing = await listSource(options);
  const fresh = withoutKnown(listing, known);
  const seen = await recall(
    input.ledger,
    definition,
    fresh.files.map(({ path }) => path),
  );
  const context = contextOf(input, listing, rules, seen);
  const explained = await selectSettled(options, fresh, context);
  return { rules, explained, refused: fresh.refused, companions: listing.companions, context };
}

function withoutKnown({ files, refused }: Listing, known: readonly DeliveryRecord[]) {
  const paths = new Set(known.map(({ sourcePath }) => sourcePath));
  return { files: files.filter(({ path }) => !paths.has(path)), refused };
}

function contextOf(
  { source, known, sourceClockOffsetMs }: LookInput,
  { companions }: Listing,
  rules: CompiledRules,
  seen: SeenFiles,
): SelectionContext {
  const { timePrecisionMs, partNaming } = source.properties;
  const isCompanion = (path: RemotePath) => companions.has(path);
  const sizeOf = (path: RemotePath) => companions.get(path)?.size;
  return {
    clock: { timePrecisionMs, clockOffsetMs: sourceClockOffsetMs },
    ...{ sizeOf, isCompanion, whySeen: seen.why, partNaming, taken: takenBy(known, rules) },
  };
}

/** What counts towards the limits of the run. */
export function takenBy(known: readonly DeliveryRecord[], rules: CompiledRules): Taken {
  const paths = known.map(({ sourcePath }) => sourcePath as RemotePath);
  const companions = companionsOf(paths, rules);
  const files = known.filter(
    ({ sourcePath, targetPath }) => targetPath !== '' && !companions.has(sourcePath as RemotePath),
  );
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), full: false };
}
