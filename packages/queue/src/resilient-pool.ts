import { setTimeout as sleep } from 'node:timers/promises';
import type { PgPool, PgQueryResult } from 'bullmq';
import type { Pool, QueryConfig } from 'pg';

/** What a lost server, a restart or a collision between statements looks like. SQLSTATE or the socket's code. */
const PASSING = new Set([
  '40P01', // deadlock_detected
  '40001', // serialization_failure
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '08000', // connection_exception
  '08001', // sqlclient_unable_to_establish_sqlconnection
  '08003', // connection_does_not_exist
  '08006', // connection_failure
  '53300', // too_many_connections
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
]);
const PASSING_MESSAGE =
  /Connection terminated|timeout exceeded when trying to connect|encountered a connection error/;

export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return PASSING.has((error as { code?: string }).code ?? '') || PASSING_MESSAGE.test(error.message);
}

export interface Patience {
  /** Failures that pass are tried again for so long; then the last one is thrown. */
  readonly retryForMs: number;
  /** A single statement may take so long; no bound if left out. */
  readonly queryTimeoutMs?: number;
  /** Ends all trying. */
  readonly signal: AbortSignal;
}

/** Calls `action` until it succeeds, fails for good, or patience ends. */
export async function retryPassing<T>(action: () => Promise<T>, patience: Patience): Promise<T> {
  const deadline = Date.now() + patience.retryForMs;
  for (let tries = 0; ; tries++) {
    try {
      return await action();
    } catch (error) {
      if (patience.signal.aborted || !isPassing(error)) throw error;
      const pause = pauseAfter(error, tries);
      if (Date.now() + pause > deadline) throw error;
      // Aborted while waiting: the failure says more than the abort.
      await sleep(pause, undefined, { signal: patience.signal }).catch(() => Promise.reject(error));
    }
  }
}

function pauseAfter(error: unknown, tries: number): number {
  const deadlocked = (error as { code?: string }).code === '40P01';
  return deadlocked ? 5 + Math.random() * 20 : Math.min(100 * 2 ** tries, 2_000);
}

/**
 * A view on a pool that stands in for BullMQ's own and repeats what failed in passing. BullMQ 6.7 takes a lost connection
 * for a failure of the job that just succeeded, keeps its first failed connect for ever, and meets deadlocks. Repeating
 * is safe: jobs have our ids, and a statement that did take effect is refused the second time.
 */
export function resilientPool(pool: Pool, patience: Patience): PgPool {
  // BullMQ's own types of what pg offers, which TypeScript can't match with pg's.
  const inner = pool as unknown as Pick<PgPool, 'connect'> & {
    query<R>(query: QueryConfig): Promise<PgQueryResult<R>>;
  };
  const view: PgPool & { options: unknown } = {
    options: pool.options,
    query: <R>(text: string, params: readonly unknown[] = []) => {
      const timeout = patience.queryTimeoutMs;
      const query = { text, values: [...params], ...(timeout && { query_timeout: timeout }) };
      return retryPassing(() => inner.query<R>(query), patience);
    },
    // Connecting is never given up before the pool is closed: BullMQ would remember the failure.
    connect: () => retryPassing(() => inner.connect(), { ...patience, retryForMs: Number.POSITIVE_INFINITY }),
    end: () => pool.end(),
    // The pool's owner listens; a listener for each queue and worker would only repeat it.
    on: () => view,
    removeAllListeners: () => view,
  };
  return view;
}
