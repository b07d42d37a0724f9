import { baseName, type RemotePath, type TransferDefinition } from '@waybill/domain';
import {
  type Candidate,
  type CompiledRules,
  companionsOf,
  type Look,
  whyNotEntered,
  whyNotMatched,
} from '@waybill/domain/selection';
import { type FileInfo, type ListEntry, type StorageEndpoint, StorageError } from '@waybill/storage';

export interface RefusedEntry {
  readonly directory: RemotePath;
  /** Raw: it is printed, never used as a path. */
  readonly name: string;
  readonly reason: string;
}

/** What the source holds for a transfer. */
export interface Listing {
  /** Files whose names match. */
  readonly files: readonly Candidate[];
  /** Names that can't be used safely, but would match if they could: people have to hear of them. */
  readonly refused: readonly RefusedEntry[];
  /** Done-files and checksum files of the files; empty where the rules want none. */
  readonly companions: ReadonlyMap<RemotePath, Look>;
}

export interface ListingOptions {
  readonly definition: TransferDefinition;
  readonly rules: CompiledRules;
  readonly source: StorageEndpoint;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly onUnmatched?: ((file: Candidate) => void) | undefined;
}

/** What one attempt keeps in memory at most. */
const MAX_FILES = 1_000_000;

/** Lists the source directory, and those below it where the rules say so. Only what matches is kept. */
export async function listSource(options: ListingOptions): Promise<Listing> {
  const { definition, rules } = options;
  const files: Candidate[] = [];
  const refused: RefusedEntry[] = [];
  const others = new Map<RemotePath, Look>();
  for await (const [directory, entry] of walk(options)) {
    if (entry.kind === 'refused') {
      if (!whyNotMatched(matchable(entry.name), rules)) refused.push({ directory, ...entry });
    } else if (entry.kind === 'file') {
      const look = lookAt(entry, options.now());
      const file = { path: entry.path, first: look };
      if (whyNotMatched(baseName(entry.path), rules)) options.onUnmatched?.(file);
      else files.push(file);
      if (rules.companionOf || rules.checksumFile) others.set(entry.path, look);
    }
    if (files.length + refused.length > MAX_FILES) throw tooMany(definition, options.source);
  }
  const companions = new Map<RemotePath, Look>();
  for (const path of companionsOf(pathsOf(files), rules)) {
    const look = others.get(path);
    if (look) companions.set(path, look);
  }
  return { files, refused, companions };
}

/** The files again, in the directories in which they are: what is there now of those that `paths` names. */
export async function listAgain(
  { source, signal, now }: ListingOptions,
  directories: Iterable<RemotePath>,
  paths: ReadonlySet<RemotePath>,
): Promise<Map<RemotePath, Look>> {
  const looks = new Map<RemotePath, Look>();
  for (const directory of directories)
    for await (const entry of listIfThere(source, directory, signal))
      if (entry.kind === 'file' && paths.has(entry.path)) looks.set(entry.path, lookAt(entry, now()));
  return looks;
}

export async function* walk({ definition, source, signal }: ListingOptions) {
  const { directory: top } = definition.source;
  const waiting: RemotePath[] = [top];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const entries = directory === top ? source.list(top, { signal }) : listIfThere(source, directory, signal);
    for await (const entry of entries) {
      yield [directory, entry] as const;
      if (entry.kind === 'directory' && !whyNotEntered(entry.path, definition)) waiting.push(entry.path);
    }
  }
}

/** A directory that is gone since its parent was listed holds nothing. */
export async function* listIfThere(
  source: StorageEndpoint,
  directory: RemotePath,
  signal: AbortSignal,
): AsyncGenerator<ListEntry> {
  try {
    yield* source.list(directory, { signal });
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'not-found') throw error;
  }
}

function* pathsOf(files: readonly Candidate[]): Generator<RemotePath> {
  for (const { path } of files) yield path;
}

function lookAt({ size, modifiedAt }: FileInfo, at: Date): Look {
  return { at, size, modifiedAt };
}

/** A refused name may hold slashes, which no pattern matches, and be of any length. */
function matchable(name: string): string {
  return name.replaceAll('/', '_').slice(0, 255);
}

function tooMany({ source }: TransferDefinition, { label }: StorageEndpoint): StorageError {
  return new StorageError(
    'misconfigured',
    `more than ${MAX_FILES} files in "${source.directory}" at ${label} match; have old ones moved away, or narrow the patterns`,
  );
}
