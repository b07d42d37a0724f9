import { PathRefused, type RemotePath, type TransferDefinition } from '@waybill/domain';
import { type FileToName, findCollision, type NamingContext, targetNamer } from '@waybill/domain/naming';
import {
  answerFinder,
  answerPaths,
  type Candidate,
  type CompiledRules,
  companionFinder,
  type Explained,
  type Look,
} from '@waybill/domain/selection';
import { StorageError } from '@waybill/storage';
import type { SelectedFile } from './run-journal.js';

/**
 * The selected files with their names at the target, each followed by its done-file where that is moved too, and the
 * empty ones that are an error.
 *
 * @param taken how many files the run has named before: the first one here gets the next number
 */
export function nameTargets(
  { target }: TransferDefinition,
  rules: CompiledRules,
  explained: readonly Explained[],
  companions: ReadonlyMap<RemotePath, Look>,
  context: NamingContext,
  taken: number,
): SelectedFile[] {
  const nameOf = complete(targetNamer(target, rules.recursive, context), target);
  const files: SelectedFile[] = [];
  const companionsTaken = new Set<RemotePath>();
  let sequence = taken;
  for (const { outcome, because, file, steady } of explained) {
    if (outcome === 'empty-refused')
      files.push(unmovable(file, 'unexpected-files', `${file.path}: ${because}`));
    if (outcome !== 'selected') continue;
    sequence++;
    const named = { ...namedFile(file, sequence, nameOf), steady };
    files.push(named);
    const companion = rules.doneFile?.afterwards === 'move' ? rules.companionOf?.(file.path) : undefined;
    const look = companion && companions.get(companion);
    if (!look || companionsTaken.has(companion) || named.targetPath === '') continue;
    companionsTaken.add(companion);
    files.push(namedCompanion({ path: companion, first: look }, named.targetPath as RemotePath, rules));
  }
  return files;
}

/**
 * Two sources under one name would leave one of them at the target, and nobody could tell which.
 * @throws StorageError `misconfigured`
 */
export function refuseCollisions(
  files: readonly { readonly sourcePath: string; readonly targetPath: string }[],
): void {
  const collision = findCollision(files.filter(({ targetPath }) => targetPath !== ''));
  if (!collision) return;
  const [one, other] = collision.sources;
  throw new StorageError(
    'misconfigured',
    `${one} and ${other} would both become ${collision.targetPath} at the target; have directories mirrored, or ` +
      'put {source-dir} or {seq} into the template of target names',
  );
}

/** Refuses names to which the checksum file or the partner's answer that is to follow could not have one. */
function complete(
  nameOf: (file: FileToName) => RemotePath,
  { checksumFile, acknowledgement }: TransferDefinition['target'],
): typeof nameOf {
  const beside = checksumFile && companionFinder(checksumFile.name);
  const answers = acknowledgement && answerFinder(acknowledgement);
  return (file) => {
    const path = nameOf(file);
    if (beside && beside(path) === undefined)
      throw new PathRefused(
        `${path} is no name beside which a checksum file "${checksumFile.name}" could lie`,
      );
    if (answers && answerPaths(answers, path) === undefined)
      throw new PathRefused(
        `${path} is no name to which an answer could have the name "${acknowledgement.name}"`,
      );
    return path;
  };
}

/** A name that would be none concerns its file alone. */
function namedFile(
  file: Candidate,
  sequence: number,
  nameOf: (file: FileToName) => RemotePath,
): SelectedFile {
  const { path, first } = file;
  try {
    return { ...asSeen(file), targetPath: nameOf({ path, modifiedAt: first.modifiedAt, sequence }) };
  } catch (error) {
    if (!(error instanceof PathRefused)) throw error;
    const remedy = 'change the template, or have the file renamed at the source';
    return unmovable(file, 'path-refused', `${path} gets no name at the target: ${error.message}; ${remedy}`);
  }
}

/** The done-file of a file that gets another name is the done-file of that name. */
function namedCompanion(file: Candidate, ofTarget: RemotePath, { companionOf }: CompiledRules): SelectedFile {
  const targetPath = companionOf?.(ofTarget);
  if (targetPath !== undefined) return { ...asSeen(file), targetPath };
  return unmovable(
    file,
    'path-refused',
    `${file.path} gets no name beside ${ofTarget}, which is too long for it`,
  );
}

function unmovable(
  file: Candidate,
  code: 'path-refused' | 'unexpected-files',
  message: string,
): SelectedFile {
  return { ...asSeen(file), targetPath: '', failure: { code, message } };
}

function asSeen({ path, first: { size, modifiedAt } }: Candidate) {
  return { sourcePath: path, size, sourceModifiedAt: modifiedAt };
}
