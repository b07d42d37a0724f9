import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from './client.js';
import { isTransactionConflict } from './errors.js';
import type { Prisma } from './generated/client.js';

/** The client inside a transaction. */
export type Transaction = Prisma.TransactionClient;

/** How long to wait for a free connection, and how long the transaction itself may take. */
const limits = { maxWait: 10_000, timeout: 30_000 };

const tries = 5;

/**
 * Runs `work` in one transaction (read committed) and commits if it returns, rolls back if it throws. PostgreSQL ends
 * one side of a deadlock or a serialization conflict; then, and only then, `work` runs again from its start, so it
 * must do nothing that a rollback doesn't undo.
 */
export async function transaction<T>(
  database: Database,
  work: (tx: Transaction) => Promise<T>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await database.prisma.$transaction(work, limits);
    } catch (error) {
      if (attempt === tries || !isTransactionConflict(error)) throw error;
      await sleep(jitteredMs(attempt), undefined, options);
    }
  }
}

/** 0–20 ms, then 0–40, 0–80, …: apart from each other, so that the same two do not meet again. */
function jitteredMs(attempt: number): number {
  return Math.random() * 10 * 2 ** attempt;
}
