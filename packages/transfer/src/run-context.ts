import type { ChecksumAlgorithm, Id, RemotePath, TransferDefinition, Verification } from '@waybill/domain';
import { claimPathOf, partPathBy } from '@waybill/domain/naming';
import { type FileInfo, type StorageEndpoint, StorageError } from '@waybill/storage';
import type { SeenFiles } from './ledger.js';
import type { OwnParts } from './part-file.js';
import type { Preserver } from './preserve.js';
import type { ProgressMeter } from './progress.js';
import type { Checkpoint, DeliveryRecord, RunJournal, SelectedFile } from './run-journal.js';
import type { FileTransforms } from './transform-file.js';

/** What every step of one attempt has at hand. */
export interface RunContext {
  readonly definition: TransferDefinition;
  /** The weakest proof of arrival that counts. */
  readonly proof: Verification;
  readonly source: StorageEndpoint;
  readonly target: StorageEndpoint;
  readonly journal: RunJournal;
  /** What was delivered before, of the files of the run; done-files share the fate of theirs and are not among them. */
  readonly seen: SeenFiles;
  readonly recall: (records: readonly DeliveryRecord[]) => Promise<SeenFiles>;
  readonly ownParts: OwnParts;
  /** Aborted from outside, or because another file of the run met a failure that concerns all of them. */
  readonly signal: AbortSignal;
  /** What changes in a file on its way; `undefined` of one that goes as it is. Opened when the first file asks. */
  readonly transformsOf: (file: FileToMove) => Promise<FileTransforms | undefined>;
  /** Is this a done-file that is moved along? It says something of its file, and goes as it is. */
  readonly isCompanion: (file: { readonly id: Id }) => boolean;
  /** What is computed of the bytes besides SHA-256. */
  readonly checksums: ReadonlySet<ChecksumAlgorithm>;
  readonly preserver: Preserver;
  readonly meter: ProgressMeter;
  readonly checkpointEveryBytes: number;
  readonly now: () => Date;
  readonly warn: (message: string, cause: unknown) => void;
}

/** One file on its way, with the source's size and time as they were last seen. */
export interface FileToMove {
  readonly id: Id;
  readonly sourcePath: RemotePath;
  /** Where the source is read and disposed of: its claimed name, if the transfer claims. */
  readonly readPath: RemotePath;
  readonly targetPath: RemotePath;
  readonly partPath: RemotePath;
  /** An earlier attempt may have left a part file. */
  readonly begun: boolean;
  readonly size: number;
  readonly modifiedAt: Date | undefined;
  readonly checkpoint: Checkpoint | undefined;
}

/** The paths of a record were checked when it was selected. Once its bytes began to move, the name of its part file stays. */
export function fileOf(
  { definition, target }: Pick<RunContext, 'definition' | 'target'>,
  record: DeliveryRecord,
): FileToMove {
  const { claim } = definition.source;
  const sourcePath = record.sourcePath as RemotePath;
  const targetPath = record.targetPath as RemotePath;
  return {
    id: record.id,
    sourcePath,
    readPath: claim ? claimPathOf(claim, record.id, sourcePath) : sourcePath,
    targetPath,
    partPath: record.partPath ?? partPathBy(target.properties.partNaming, record.id, targetPath),
    begun: record.partPath !== undefined,
    size: record.size,
    modifiedAt: record.sourceModifiedAt,
    checkpoint: record.checkpoint,
  };
}

export function asSelected(file: FileToMove): SelectedFile {
  const { sourcePath, targetPath, size, modifiedAt } = file;
  return { sourcePath, targetPath, size, sourceModifiedAt: modifiedAt };
}

/** Is the source still the file that was seen? Size and time of modification are all that a listing tells. */
export function isSameVersion(file: Pick<FileToMove, 'size' | 'modifiedAt'>, found: FileInfo): boolean {
  return file.size === found.size && file.modifiedAt?.getTime() === found.modifiedAt.getTime();
}

export async function statIfAny(
  endpoint: StorageEndpoint,
  path: RemotePath,
  signal: AbortSignal,
): Promise<FileInfo | undefined> {
  try {
    return await endpoint.stat(path, { signal });
  } catch (error) {
    if (isCode(error, 'not-found')) return undefined;
    throw error;
  }
}

export function isCode(error: unknown, ...codes: StorageError['code'][]): error is StorageError {
  return error instanceof StorageError && codes.includes(error.code);
}
