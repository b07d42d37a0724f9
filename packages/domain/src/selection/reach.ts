import { baseName, parentOf, type RemotePath } from '../remote-path.js';
import type { TransferDefinition } from '../transfer.js';

type Places = Pick<TransferDefinition, 'source' | 'target' | 'disposition'>;

/** Why a directory right below one that is listed is not listed as well; `undefined` if it is. */
export function whyNotEntered(directory: RemotePath, definition: Places): string | undefined {
  const { source, target, disposition } = definition;
  if (!source.selection?.recursive) return 'directories below the source directory are not entered';
  if (baseName(directory).startsWith('.')) return `the directory "${directory}" is hidden`;
  // What the transfer itself puts there is not selected again.
  if (source.endpointId === target.endpointId && directory === target.directory)
    return `"${directory}" is the target of the transfer`;
  if (disposition.kind === 'archive' && directory === disposition.directory)
    return `"${directory}" is the archive of the transfer`;
  if (source.claim && 'directory' in source.claim && directory === source.claim.directory)
    return `claimed files lie in "${directory}"`;
  return undefined;
}

/** Why the directory in which a file lies is never listed for the transfer; `undefined` if it is. */
export function whyOutOfReach(path: RemotePath, definition: Places): string | undefined {
  const top = definition.source.directory;
  if (top !== '' && !path.startsWith(`${top}/`))
    return `it does not lie in "${top}", from which the transfer reads`;
  for (let directory = parentOf(path); directory !== top; directory = parentOf(directory)) {
    const why = whyNotEntered(directory, definition);
    if (why !== undefined) return why;
  }
  return undefined;
}
