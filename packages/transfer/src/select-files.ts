import { newId, type Owner, printableName, type RemotePath, type TransferDefinition } from '@waybill/domain';
import {
  type BusinessCalendar,
  type NamingContext,
  type PartNaming,
  weekendsOnly,
} from '@waybill/domain/naming';
import {
  type CompiledRules,
  companionsOf,
  compileRules,
  type Explained,
  type SelectionContext,
  type Taken,
  whyUnexpected,
} from '@waybill/domain/selection';
import { type StorageEndpoint, StorageError } from '@waybill/storage';
import { type Ledger, recall, type SeenFiles } from './ledger.js';
import { type Listing, listSource, type RefusedEntry } from './list-source.js';
import { nameTargets, refuseCollisions } from './name-targets.js';
import type { DeliveryRecord, SelectedFile } from './run-journal.js';
import { isUnsettled, selectSettled } from './settle.js';
import { wholeSet } from './whole-set.js';
import { withChecksumFiles } from './written-checksum.js';

/** What is the same in all attempts of a run. */
export interface RunFacts {
  readonly id: string;
  /** What it is named by: the due time that it stands for, or when it was asked for. */
  readonly madeAt: Date;
  /** Default: weekends, no holidays. */
  readonly calendar?: BusinessCalendar;
}

export interface SelectionInput {
  readonly definition: TransferDefinition;
  readonly source: StorageEndpoint;
  /** How part files are named at the target; as ours are if left out. */
  readonly targetPartNaming?: PartNaming | undefined;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly warn: (message: string, cause: unknown) => void;
  /** What the run has selected in earlier attempts: it counts towards its limits and is not selected again. */
  readonly known: readonly DeliveryRecord[];
  /** Left out: a run of its own, made now. */
  readonly run?: RunFacts | undefined;
  /** The source's clock minus ours, where it was measured. */
  readonly sourceClockOffsetMs?: number | undefined;
  /** What the transfer has delivered before. Left out: nothing. */
  readonly ledger?: Ledger | undefined;
}

/**
 * The files that this attempt adds to the run, in the order of the rules, with their target names: list, settle,
 * count, name. Names that can't be used, and files that the rules call an error, are among them with their failure. A set
 * is what the first attempt finds.
 * @throws StorageError `unexpected-files` if they are not as many as agreed, `misconfigured` if two would get one name
 */
export async function selectFiles(input: SelectionInput): Promise<SelectedFile[]> {
  const { definition, known, source } = input;
  if (definition.set && known.length > 0) return [];
  const rules = compileRules(definition.source);
  const options = { ...input, rules };
  const listing = await listSource(options);
  const fresh = withoutKnown(listing, known);
  const seen = await recall(
    input.ledger,
    definition,
    fresh.files.map(({ path }) => path),
  );
  const explained = await selectSettled(options, fresh, contextOf(input, listing, rules, seen));
  tellUnsettled(input, explained);

  const why = known.length === 0 ? whyUnexpected(explained, rules) : undefined;
  if (why !== undefined)
    throw new StorageError(
      'unexpected-files',
      `"${definition.source.directory}" at ${source.label}: ${why}; nothing was moved`,
      { owner: source.properties.owner },
    );
  const taken = takenBy(known, rules).files;
  const selected = nameTargets(definition, rules, explained, listing.companions, namingOf(input), taken);
  refuseCollisions(withChecksumFiles(definition, rules, [...inTheWay(known, definition), ...selected]));
  const owned = (file: SelectedFile) => ownedBy(source.properties.owner, file);
  const files = [...fresh.refused.map(refusedFile), ...selected].map(owned);
  const { set } = definition;
  return set ? wholeSet(set, files, explained.filter(isUnsettled).length, input.warn) : files;
}

/** Files that another one of their name could replace. */
function inTheWay(
  known: readonly DeliveryRecord[],
  { conflict }: TransferDefinition,
): readonly DeliveryRecord[] {
  if (conflict !== 'rename') return known;
  return known.filter(({ state, partPath, targetPath }) => state !== 'delivered' && partPath !== targetPath);
}

/** What is wrong with a file of the source is its owner's to put right. */
function ownedBy(owner: Owner | undefined, file: SelectedFile): SelectedFile {
  return owner && file.failure ? { ...file, failure: { ...file.failure, owner } } : file;
}

function withoutKnown({ files, refused }: Listing, known: readonly DeliveryRecord[]) {
  const paths = new Set(known.map(({ sourcePath }) => sourcePath));
  return { files: files.filter(({ path }) => !paths.has(path)), refused };
}

function contextOf(
  { source, known, sourceClockOffsetMs }: SelectionInput,
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

function takenBy(known: readonly DeliveryRecord[], rules: CompiledRules): Taken {
  const paths = known.map(({ sourcePath }) => sourcePath as RemotePath);
  const companions = companionsOf(paths, rules);
  const files = known.filter(
    ({ sourcePath, targetPath }) => targetPath !== '' && !companions.has(sourcePath as RemotePath),
  );
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), full: false };
}

/** They are left alone, and recorded nowhere: the next run meets them as new. */
function tellUnsettled({ warn, source }: SelectionInput, explained: readonly Explained[]): void {
  const unsettled = explained.filter(isUnsettled);
  const [first] = unsettled;
  if (!first) return;
  const others = unsettled.length > 1 ? ` (and ${unsettled.length - 1} more)` : '';
  warn(
    `${first.file.path} at ${source.label}${others} is left for the next run: ${first.because}`,
    undefined,
  );
}

function namingOf({ definition, run, now, targetPartNaming }: SelectionInput): NamingContext {
  const { id: runId, madeAt: runAt, calendar = weekendsOnly } = run ?? { id: newId(), madeAt: now() };
  const { source, transforms } = definition;
  return {
    sourceDirectory: source.directory,
    runId,
    runAt,
    calendar,
    transforms,
    partNaming: targetPartNaming,
  };
}

function refusedFile({ directory, name, reason }: RefusedEntry): SelectedFile {
  const printable = printableName(name);
  return {
    sourcePath: directory === '' ? printable : `${directory}/${printable}`,
    targetPath: '',
    size: 0,
    sourceModifiedAt: undefined,
    failure: {
      code: 'path-refused',
      message: `"${printable}" in "${directory}" was not moved: ${reason}; have it renamed at the source`,
    },
  };
}
