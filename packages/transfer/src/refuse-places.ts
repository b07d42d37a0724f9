import type { TransferDefinition } from '@waybill/domain';
import {
  type PartNaming,
  whyAppendRefusedBy,
  whyDuplicatesRefused,
  whySetRefused,
} from '@waybill/domain/naming';
import { StorageError } from '@waybill/storage';

/**
 * Where a definition would do harm between the places that it names. The endpoints may have changed since it was defined.
 * @param partNaming of the target
 * @throws StorageError `misconfigured`
 */
export function refusePlaces(definition: TransferDefinition, partNaming: PartNaming | undefined): void {
  refuseCircles(definition);
  const why =
    (definition.set && whySetRefused(partNaming)) ??
    (definition.duplicates && whyDuplicatesRefused(partNaming)) ??
    (definition.conflict === 'append' ? whyAppendRefusedBy(partNaming) : undefined);
  if (why) throw new StorageError('misconfigured', why);
}

/** A transfer onto its own source, or into an archive that is selected again, would eat its own files. */
function refuseCircles({ source, target, disposition }: TransferDefinition): void {
  if (source.endpointId === target.endpointId && source.directory === target.directory)
    throw new StorageError(
      'misconfigured',
      `source and target are the same directory, "${source.directory}"`,
    );
  if (disposition.kind === 'archive' && disposition.directory === source.directory)
    throw new StorageError(
      'misconfigured',
      `the archive is the source directory itself, "${source.directory}"; choose another one`,
    );
}
