import {
  appendAuditEvent,
  deleteDeliveredFiles,
  deleteDeliveredPath,
  findTransfer,
  type LedgerPosition,
  lockDeliveredPaths,
  type Transaction,
  transaction,
} from '@waybill/db';
import type { Id } from '@waybill/domain';
import { pathMatcher, whyPathPatternRefused } from '@waybill/domain/selection';
import type { Context } from './context.js';
import { notFound, OperationError } from './operation-error.js';

const BATCH = 10_000;

/**
 * Makes a transfer forget that it has delivered files, so that one that takes new files only takes them again.
 * @param path theirs at the source. One that the transfer has delivered from means itself alone, whatever characters it
 * has; any other is a glob for names
 * @returns how many were forgotten
 * @throws OperationError `not-found`, `invalid` (field `/path`)
 */
export async function forgetFiles(
  { database, actor }: Context,
  transferIdOrName: string,
  path: string,
): Promise<number> {
  return await transaction(database, async (tx) => {
    const transfer = await findTransfer(tx, transferIdOrName);
    if (!transfer) throw notFound('transfer', transferIdOrName);
    const files =
      (await deleteDeliveredPath(tx, transfer.id, path)) || (await forgetMatching(tx, transfer.id, path));
    if (files === 0) return 0;
    await appendAuditEvent(tx, actor, {
      type: 'transfer.files-forgotten',
      subject: { kind: 'transfer', id: transfer.id },
      data: { name: transfer.name, path, files },
    });
    return files;
  });
}

async function forgetMatching(tx: Transaction, transferId: Id, pattern: string): Promise<number> {
  const why = whyPathPatternRefused(pattern);
  if (why !== undefined) throw new OperationError('invalid', why, { field: '/path' });
  const isMeant = pathMatcher(pattern);
  let files = 0;
  let after: LedgerPosition | undefined;
  do {
    const batch = await lockDeliveredPaths(tx, transferId, { after, limit: BATCH });
    const meant = batch.filter(({ path }) => isMeant(path));
    files += await deleteDeliveredFiles(tx, transferId, meant);
    after = batch.at(-1);
  } while (after);
  return files;
}
