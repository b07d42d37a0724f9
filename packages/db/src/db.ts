import type { Database } from './client.js';
import type { Transaction } from './transaction.js';

/** Where a repository reads and writes: by itself, or inside a transaction. */
export type Db = Database | Transaction;

export function clientOf(db: Db): Transaction {
  return 'prisma' in db ? db.prisma : db;
}
