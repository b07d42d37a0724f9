import { newId, type Owner, printableName, type TransferDefinition } from '@waybill/domain';
import { type NamingContext, weekendsOnly } from '@waybill/domain/naming';
import { type Explained, whyUnexpected } from '@waybill/domain/selection';
import { StorageError } from '@waybill/storage';
import type { RefusedEntry } from './list-source.js';
import { type LookInput, lookAtSource, type SourceLook, takenBy } from './look-at-source.js';
import { nameTargets, refuseCollisions } from './name-targets.js';
import { namesAtTarget } from './names-at-target.js';
import type { DeliveryRecord, SelectedFile } from './run-journal.js';
import { isUnsettled } from './settle.js';
import { whyNotWhole } from './whole-set.js';

export interface SelectionInput extends LookInput {
  readonly warn: (message: string, cause: unknown) => void;
}

/**
 * The files that this attempt adds to the run, in the order of the rules, with their target names: list, settle,
 * count, name. Names that can't be used, and files that the rules call an error, are among them with their failure. A set
 * is what the first attempt finds.
 * @throws StorageError `unexpected-files` if they are not as many as agreed, `misconfigured` if two would get one name
 */
export async function selectFiles(input: SelectionInput): Promise<SelectedFile[]> {
  const { known, definition } = input;
  if (definition.set && known.length > 0) return [];
  const look = await lookAtSource(input);
  tellUnsettled(input, look.explained);
  const files = chooseFiles(input, look);
  const why = whyNotWhole(definition.set, files, look.explained);
  if (why === undefined) return files;
  input.warn(`a set of ${files.length} file(s) is left for the next run: ${why}`, undefined);
  return [];
}

/** What a run makes of what was seen, if it takes any of it. @throws as {@link selectFiles} */
export function chooseFiles(
  input: LookInput,
  { rules, explained, refused, companions }: SourceLook,
): SelectedFile[] {
  const { definition, known, source } = input;
  const why = known.length === 0 ? whyUnexpected(explained, rules) : undefined;
  if (why !== undefined)
    throw new StorageError(
      'unexpected-files',
      `"${definition.source.directory}" at ${source.label}: ${why}; nothing was moved`,
      { owner: source.properties.owner },
    );
  const taken = takenBy(known, rules).files;
  const selected = nameTargets(definition, rules, explained, companions, namingOf(input), taken);
  // Files under one name are appended to each other.
  if (definition.conflict !== 'append')
    refuseCollisions(namesAtTarget(definition, rules, [...inTheWay(known, definition), ...selected]));
  const owned = (file: SelectedFile) => ownedBy(source.properties.owner, file);
  return [...refused.map(refusedFile), ...selected].map(owned);
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

function namingOf({ definition, run, now, targetPartNaming }: LookInput): NamingContext {
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
