import { describe, expect, it } from 'vitest';
import { failureCodes, failureKind } from './failure.js';
import { afterFailure, defaultRetryPolicy, retryDelayMs } from './retry-policy.js';

const policy = { maxAttempts: 3, firstDelayMs: 1_000, maxDelayMs: 3_000 };
const now = new Date('2026-01-01T00:00:00Z');
const lost = { code: 'connection-lost', message: 'gone' } as const;

describe('the wait before the next attempt', () => {
  it('doubles up to its bound, half of it at random', () => {
    expect([1, 2, 3, 9].map((n) => retryDelayMs(policy, n, 0))).toEqual([500, 1_000, 1_500, 1_500]);
    expect([1, 2, 3, 9].map((n) => retryDelayMs(policy, n, 1))).toEqual([1_000, 2_000, 3_000, 3_000]);
  });
});

describe('after a failure', () => {
  it('a passing one is tried again until the attempts are used up', () => {
    expect(afterFailure(lost, policy, 1, now, 1)).toEqual({
      kind: 'retry-at',
      at: new Date('2026-01-01T00:00:01Z'),
      failure: lost,
    });
    expect(afterFailure(lost, policy, 3, now)).toEqual({ kind: 'give-up', failure: lost });
  });

  it('a wrong password is never tried again, so that no account is locked', () => {
    const failure = { code: 'authentication-failed', message: 'refused' } as const;
    expect(afterFailure(failure, defaultRetryPolicy, 1, now)).toEqual({ kind: 'give-up', failure });
  });

  it('a changed host key waits for a person', () => {
    const failure = { code: 'host-key-mismatch', message: 'other key' } as const;
    expect(afterFailure(failure, defaultRetryPolicy, 1, now)).toEqual({ kind: 'hold', failure });
  });
});

it('no failure is both retried and held', () => {
  const both = failureCodes.filter((code) => failureKind(code).retryable && failureKind(code).holds);
  expect(both).toEqual([]);
});
