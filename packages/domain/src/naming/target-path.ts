import { baseName, joinPath, PathRefused, parentOf, printableName, type RemotePath } from '../remote-path.js';
import type { Recursion } from '../selection/rules.js';
import { nameAfterTransforms, type TransformSpec } from '../transform.js';
import type { BusinessCalendar } from './business-day.js';
import { dateWriter } from './date-macro.js';
import { writeNameMacro } from './name-parts.js';
import { isPartNameBy, type PartNaming } from './part-naming.js';
import { type Macro, parseTemplate } from './template.js';

/** What a target name can be made of, the same for all files of a run. */
export interface NamingContext {
  /** The directory that is listed. */
  readonly sourceDirectory: RemotePath;
  readonly runId: string;
  /** The due time that the run stands for, or when it was asked for: the same in all its attempts. */
  readonly runAt: Date;
  readonly calendar: BusinessCalendar;
  /** What changes in the files on their way: the names that templates see are those after it. */
  readonly transforms?: readonly TransformSpec[] | undefined;
  /** How part files are named at the target: no file may have such a name. */
  readonly partNaming?: PartNaming | undefined;
}

export interface FileToName {
  readonly path: RemotePath;
  readonly modifiedAt: Date;
  /** Its number in the run's order, from 1. */
  readonly sequence: number;
}

export interface TargetNaming {
  readonly directory: RemotePath;
  /** Template of the path below the directory; `{name}` if left out. */
  readonly name?: string | undefined;
}

/**
 * Makes the target path of each file. It lies in the target's directory: below the file's directory where directories
 * are mirrored.
 * @throws TemplateRefused if the template can't be read; what it returns throws PathRefused for a file whose name
 * would be none
 */
export function targetNamer(
  { directory, name = '{name}' }: TargetNaming,
  recursion: Recursion | undefined,
  context: NamingContext,
): (file: FileToName) => RemotePath {
  const writers = parseTemplate(name).map((part) =>
    part.kind === 'text' ? () => part.text : macroWriter(part, context),
  );
  return (file) => {
    const written = writers.map((write) => write(file)).join('');
    const mirrored = recursion === 'mirror' ? directoryBelow(context.sourceDirectory, file.path) : '';
    return pathBelow(directory, mirrored === '' ? written : `${mirrored}/${written}`, context.partNaming);
  };
}

/** The directory of `path`, seen from `directory`: empty right in it. */
export function directoryBelow(directory: RemotePath, path: RemotePath): string {
  return parentOf(path).slice(directory === '' ? 0 : directory.length + 1);
}

/** Two sources that would get the same target, if any. */
export function findCollision(
  names: Iterable<{ readonly sourcePath: string; readonly targetPath: string }>,
): { readonly targetPath: string; readonly sources: readonly [string, string] } | undefined {
  const taken = new Map<string, string>();
  for (const { sourcePath, targetPath } of names) {
    const other = taken.get(targetPath);
    if (other !== undefined) return { targetPath, sources: [other, sourcePath] };
    taken.set(targetPath, sourcePath);
  }
  return undefined;
}

function macroWriter(macro: Macro, context: NamingContext): (file: FileToName) => string {
  switch (macro.kind) {
    case 'date': {
      const written = dateWriter(macro)(context.runAt, context.calendar);
      return () => written;
    }
    case 'modified': {
      const write = dateWriter(macro);
      return (file) => write(file.modifiedAt, context.calendar);
    }
    case 'seq':
      return (file) => String(file.sequence).padStart(macro.width, '0');
    case 'runId':
      return () => context.runId;
    case 'source-dir':
      return (file) => directoryBelow(context.sourceDirectory, file.path).replaceAll('/', macro.separator);
    default:
      return (file) =>
        writeNameMacro(macro, nameAfterTransforms(baseName(file.path), context.transforms ?? []));
  }
}

/** Directories that came out empty vanish; the name of the file may not. */
function pathBelow(directory: RemotePath, text: string, partNaming: PartNaming | undefined): RemotePath {
  const segments = text.split('/');
  const name = segments.pop() ?? '';
  if (isPartNameBy(partNaming, name))
    throw new PathRefused(`name "${printableName(name)}" is refused: it is that of a part file of ours`);
  return joinPath(segments.filter((segment) => segment !== '').reduce(joinPath, directory), name);
}
