import type { RemotePath, TransferDefinition } from '@waybill/domain';
import {
  answerFinder,
  answerPaths,
  type CompiledRules,
  companionFinder,
  companionsOf,
} from '@waybill/domain/selection';

interface Named {
  readonly sourcePath: string;
  readonly targetPath: string;
}

/** The files of a run, and what gets names made of theirs: the checksum files at the target, the partner's answers. */
export function namesAtTarget(
  { target: { checksumFile, acknowledgement } }: TransferDefinition,
  rules: CompiledRules,
  files: readonly Named[],
): Named[] {
  if (!checksumFile && !acknowledgement) return [...files];
  const beside = checksumFile && companionFinder(checksumFile.name);
  const answers = acknowledgement && answerFinder(acknowledgement);
  const companions = companionsOf(
    files.map(({ sourcePath }) => sourcePath as RemotePath),
    rules,
  );
  return files.flatMap((file) => {
    const { sourcePath, targetPath } = file;
    if (targetPath === '' || companions.has(sourcePath as RemotePath)) return [file];
    const checksum = beside?.(targetPath as RemotePath);
    const answered = (answers && answerPaths(answers, targetPath as RemotePath)) ?? [];
    return [
      file,
      ...(checksum === undefined
        ? []
        : [{ sourcePath: `the checksum file of ${sourcePath}`, targetPath: checksum }]),
      ...answered.map((path) => ({ sourcePath: `an answer to ${sourcePath}`, targetPath: path })),
    ];
  });
}
