import type { Endpoint } from '@waybill/contract';
import { expect, it } from 'vitest';
import { changedLimits, limitsFields } from './endpoint-limits.js';

const since = '2026-03-01T06:00:00.000Z';
const failure = { code: 'authentication-failed', message: 'refused the user' } as const;

/** What is shown of an endpoint as its breaker. */
function shown(breaker: Partial<NonNullable<Endpoint['breaker']>> | null) {
  const whole = breaker && { state: 'closed', failures: 0, since, until: null, failure: null, ...breaker };
  return limitsFields({ limits: {}, breaker: whole } as Endpoint).Breaker;
}

it('says whether runs may go to an endpoint, and why not', () => {
  expect(shown(null)).toBeUndefined();
  expect(shown({ state: 'untried' })).toBe('untried: one run at a time tries the new credential or settings');
  expect(shown({ state: 'open', failures: 1, failure })).toBe(
    'open since 2026-03-01 06:00:00Z, until somebody acts; 1 in a row did not reach it; ' +
      'authentication-failed: refused the user',
  );
  const until = '2026-03-01T06:01:00.000Z';
  expect(shown({ state: 'open', failures: 5, failure: { ...failure, code: 'timed-out' }, until })).toMatch(
    /^open since .*, until 2026-03-01 06:01:00Z; 5 in a row did not reach it; timed-out/,
  );
});

it('changes those limits that are named, and keeps the others', async () => {
  const maintenance = [{ from: '22:00', to: '02:00', zone: 'UTC' }];
  expect(await changedLimits({ maintenance, maxRuns: 1 }, { maxRuns: 2 })).toEqual({
    maintenance,
    maxRuns: 2,
  });
  expect(await changedLimits({ maintenance }, { maxConnections: 3 })).toEqual({
    maintenance,
    maxConnections: 3,
  });
  expect(await changedLimits({ maintenance }, {})).toBeUndefined();
});
