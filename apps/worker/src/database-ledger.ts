import { type Db, findDeliveredFiles, findFilesUnderWay, type LedgerKey } from '@waybill/db';
import type { Id } from '@waybill/domain';
import type { Ledger } from '@waybill/transfer';

/** What a transfer has delivered from a source, as the run `runId` of it sees it. */
export function databaseLedger(database: Db, key: LedgerKey & { readonly runId: Id }): Ledger {
  return {
    async delivered(paths) {
      const files = await findDeliveredFiles(database, key, paths);
      return new Map(files.map((file) => [file.path, file]));
    },
    async underWay(paths) {
      const files = await findFilesUnderWay(database, key, paths);
      return new Map(files.map(({ path, runId }) => [path, runId]));
    },
  };
}
