import { baseName, joinPath, printableName, type TransferDefinition } from '@waybill/domain';
import type { ListEntry } from '@waybill/storage';
import { globMatcher } from './glob-matcher.js';
import { isPartName } from './part-name.js';
import type { SelectedFile } from './run-journal.js';

type RefusedEntry = Extract<ListEntry, { kind: 'refused' }>;

/**
 * The files of a listing that the definition asks for, in the order of their names. Directories, links and our own
 * part files are never among them. A refused name that matches is, with its failure: people have to hear of it.
 */
export function selectFiles(listing: readonly ListEntry[], definition: TransferDefinition): SelectedFile[] {
  const matches = nameMatcher(definition.source.include, definition.source.exclude);
  const selected: SelectedFile[] = [];
  for (const entry of listing) {
    if (entry.kind === 'file') {
      const name = baseName(entry.path);
      if (matches(name) && !isPartName(name))
        selected.push({
          sourcePath: entry.path,
          targetPath: joinPath(definition.target.directory, name),
          size: entry.size,
          sourceModifiedAt: entry.modifiedAt,
        });
    } else if (entry.kind === 'refused' && matches(matchable(entry.name))) {
      selected.push(refusedFile(entry, definition));
    }
  }
  return selected.sort((a, b) => (a.sourcePath < b.sourcePath ? -1 : 1));
}

/**
 * Does a name match one of `include` and none of `exclude`? Hidden names (with a leading dot) are included only by
 * patterns that start with a dot; any pattern excludes them.
 */
export function nameMatcher(
  include: readonly string[],
  exclude: readonly string[],
): (name: string) => boolean {
  const included = include.map((pattern) => ({
    hidden: pattern.startsWith('.'),
    isMatch: globMatcher(pattern),
  }));
  const excluded = exclude.map((pattern) => globMatcher(pattern));
  return (name) =>
    included.some(({ hidden, isMatch }) => (hidden || !name.startsWith('.')) && isMatch(name)) &&
    !excluded.some((isMatch) => isMatch(name));
}

/** A refused name may hold slashes, which no pattern matches, and be of any length. */
function matchable(name: string): string {
  return name.replaceAll('/', '_').slice(0, 255);
}

function refusedFile({ name, reason }: RefusedEntry, definition: TransferDefinition): SelectedFile {
  const printable = printableName(name);
  const { directory } = definition.source;
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
