import type { AttemptOutcome } from './attempt-outcome.js';
import { type Failure, failureKind } from './failure.js';

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  /** Wait before the second attempt; doubles with each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { maxAttempts: 5, firstDelayMs: 5_000, maxDelayMs: 900_000 };

/**
 * Exponential back-off with "equal jitter": half of the delay is fixed, half random, so that many runs that failed
 * together do not come back together.
 *
 * @param attemptsUsed attempts that count, the failed one included (1 after the first)
 * @param random uniform in [0, 1)
 */
export function retryDelayMs(policy: RetryPolicy, attemptsUsed: number, random: number): number {
  const full = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.max(0, attemptsUsed - 1));
  return Math.round(full / 2 + (full / 2) * random);
}

/** What becomes of a run whose attempt failed: the one place that decides about retries. */
export function afterFailure(
  failure: Failure,
  policy: RetryPolicy,
  attemptsUsed: number,
  now: Date,
  random: number = Math.random(),
): AttemptOutcome {
  const kind = failureKind(failure.code);
  if (kind.holds) return { kind: 'hold', failure };
  if (!kind.retryable || attemptsUsed >= policy.maxAttempts) return { kind: 'give-up', failure };
  return {
    kind: 'retry-at',
    at: new Date(now.getTime() + retryDelayMs(policy, attemptsUsed, random)),
    failure,
  };
}
