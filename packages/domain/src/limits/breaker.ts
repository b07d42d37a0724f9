import type { Failure, FailureCode } from '../failure.js';

export const breakerStates = ['closed', 'untried', 'open'] as const;
/**
 * - `closed`: runs go there; some may have failed to reach it
 * - `untried`: its credential or settings are new; one run at a time tries whether they let us in
 * - `open`: it didn't work; no run goes there until the time is over, and then one at a time
 */
export type BreakerState = (typeof breakerStates)[number];

/** What is remembered of an endpoint that was not reached; nothing of one that was. */
export interface Breaker {
  readonly state: BreakerState;
  /** Runs in a row that did not reach it. */
  readonly failures: number;
  /** How often in a row it was opened: the time grows with it. */
  readonly openings: number;
  /** Of `open`. Left out: until its credential or settings change, a probe passes, or a person says so. */
  readonly until?: Date | undefined;
  /** Of the last run that did not reach it. */
  readonly failure?: Pick<Failure, 'code' | 'message'> | undefined;
}

/** The place does not work, whoever comes. */
const placeFails: readonly FailureCode[] = [
  'connection-refused',
  'timed-out',
  'connection-lost',
  'route-unreachable',
  'route-refused',
];
const failuresToOpen = 5;
const firstPauseMs = 60_000;
const longestPauseMs = 1_800_000;

const untouched: Breaker = { state: 'closed', failures: 0, openings: 0 };

/**
 * After a run that could not open the endpoint. A refused credential opens it at once and for good, since accounts get
 * locked; a place that does not work opens it when that happens for the fifth time in a row, for a minute, and after
 * each trial that fails for twice as long, up to half an hour. Other failures are none of the place's.
 */
export function afterUnreached(before: Breaker = untouched, { code, message }: Failure, now: Date): Breaker {
  const failure = { code, message };
  const failures = before.failures + 1;
  if (code === 'authentication-failed')
    return { state: 'open', failures, openings: before.openings + 1, failure };
  if (!placeFails.includes(code) || !admitsAny(before, now)) return before;
  if (failures < failuresToOpen && before.state !== 'open') return { ...before, failures, failure };
  const openings = before.openings + 1;
  const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (openings - 1));
  return { state: 'open', failures, openings, until: new Date(now.getTime() + pauseMs), failure };
}

/** How many runs may go there: nobody, one at a time, or as many as like. */
export function admitted(breaker: Breaker | undefined, now: Date): 'none' | 'one' | 'all' {
  if (breaker === undefined || breaker.state === 'closed') return 'all';
  return admitsAny(breaker, now) ? 'one' : 'none';
}

function admitsAny({ state, until }: Breaker, now: Date): boolean {
  return state !== 'open' || (until !== undefined && until <= now);
}
