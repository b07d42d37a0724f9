import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FailureCode, failureCodes } from '../failure.js';
import { admitted, afterUnreached, type Breaker } from './breaker.js';

const start = new Date('2026-11-25T06:00:00Z');
const lost = (code: FailureCode) => ({ code, message: 'it went wrong' });
const later = (at: Date, ms: number) => new Date(at.getTime() + ms);

/** So many runs, one after the other, each as soon as it may go there. */
function after(codes: readonly FailureCode[]): { breaker: Breaker | undefined; now: Date } {
  let [breaker, now]: [Breaker | undefined, Date] = [undefined, start];
  for (const code of codes) {
    now = breaker?.until ?? now;
    breaker = afterUnreached(breaker, lost(code), now);
  }
  return { breaker, now };
}

describe('the breaker', () => {
  it('opens when a place does not work for the fifth time in a row', () => {
    expect(after(Array(4).fill('connection-refused')).breaker).toMatchObject({
      state: 'closed',
      failures: 4,
    });
    expect(after(Array(5).fill('route-unreachable')).breaker).toMatchObject({
      ...{ state: 'open', until: later(start, 60_000) },
      failure: { code: 'route-unreachable' },
    });
  });

  it('stays open for twice as long after each trial that fails, up to half an hour', () => {
    const pauses = [6, 7, 8, 9, 10, 30].map((runs) => {
      const { breaker, now } = after(Array(runs).fill('timed-out'));
      return ((breaker?.until?.getTime() ?? 0) - now.getTime()) / 60_000;
    });
    expect(pauses).toEqual([2, 4, 8, 16, 30, 30]);
  });

  it('opens at once, and for as long as nobody acts, when a credential is refused', () => {
    const { breaker } = after(['authentication-failed']);
    expect(breaker).toMatchObject({ state: 'open', failures: 1 });
    expect(admitted(breaker, later(start, 365 * 86_400_000))).toBe('none');
  });

  it('lets one try after a new credential, and again when its time is over', () => {
    expect(admitted({ state: 'untried', failures: 0, openings: 0 }, start)).toBe('one');
    const { breaker } = after(Array(5).fill('timed-out'));
    expect(admitted(breaker, later(start, 59_999))).toBe('none');
    expect(admitted(breaker, later(start, 60_000))).toBe('one');
    expect(admitted(undefined, start)).toBe('all');
  });

  it('is moved by no failure of another kind, and by no run that began before it opened', () => {
    const { breaker } = after(Array(5).fill('timed-out'));
    const codes = failureCodes.filter((code) => code !== 'authentication-failed');
    fc.assert(
      fc.property(fc.constantFrom(...codes), fc.nat(59_999), (code, ms) => {
        expect(afterUnreached(breaker, lost(code), later(start, ms))).toBe(breaker);
      }),
    );
    for (const code of ['not-found', 'host-key-mismatch', 'misconfigured', 'no-space'] as const)
      expect(after([code]).breaker?.state).toBe('closed');
  });

  it('never admits more after a failure than before it', () => {
    const rank = { none: 0, one: 1, all: 2 };
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...failureCodes), { maxLength: 12 }), (codes) => {
        let breaker: Breaker | undefined;
        let now = start;
        for (const code of codes) {
          now = breaker?.until ?? now;
          const before = rank[admitted(breaker, now)];
          breaker = afterUnreached(breaker, lost(code), now);
          expect(rank[admitted(breaker, now)]).toBeLessThanOrEqual(before);
        }
      }),
    );
  });
});
