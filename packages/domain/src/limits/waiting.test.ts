import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Place, roomAt, whyWaitFor } from './waiting.js';

const now = new Date('2026-11-25T06:00:00Z');
const free: Place = {
  ...{ name: 'acme', limits: {}, breaker: undefined, runs: 0, trials: 0, connections: 0, needs: 1 },
  ...{ runsOfPool: 0, slotsOfPool: 4, before: 0, reserved: 0, common: false },
};

describe('a run', () => {
  it.each<[string, Partial<Place>, string | undefined]>([
    ['goes where nobody is', {}, undefined],
    ['leaves one slot of its pool to other endpoints', { runs: 3, runsOfPool: 3 }, 'fair-share'],
    ['may take the only slot of a pool', { slotsOfPool: 1 }, undefined],
    ['may take every slot of a directory of ours', { runsOfPool: 3, common: true }, undefined],
    [
      'may take every slot where maxRuns says so',
      { runs: 3, runsOfPool: 3, limits: { maxRuns: 4 } },
      undefined,
    ],
    ['waits where maxRuns are', { runs: 2, limits: { maxRuns: 2 } }, 'max-runs'],
    [
      'leaves one slot of its pool to others whatever the connections',
      { runs: 3, runsOfPool: 3, connections: 3, limits: { maxConnections: 9 } },
      'fair-share',
    ],
    ['leaves free a place that was reserved', { reserved: 1, limits: { maxRuns: 1 } }, 'max-runs'],
    ['leaves free places to older runs', { before: 1, limits: { maxRuns: 1 } }, 'max-runs'],
    [
      'waits where a probe has the connections',
      { connections: 2, limits: { maxConnections: 2 } },
      'max-connections',
    ],
    [
      'goes alone where it needs more connections than there are',
      { needs: 2, limits: { maxConnections: 1 } },
      undefined,
    ],
    [
      'tries alone what was never tried',
      { trials: 1, breaker: { state: 'untried', failures: 0, openings: 0 } },
      'suspended',
    ],
  ])('%s', (_promise, changes, reason) => {
    expect(whyWaitFor({ ...free, ...changes }, now)?.reason).toBe(reason);
  });

  it('waits for the end of maintenance, and tells when that is', () => {
    const limits = { maintenance: [{ from: '05:00', to: '07:00', zone: 'UTC' }] };
    expect(whyWaitFor({ ...free, limits }, now)).toEqual({
      reason: 'maintenance',
      message: 'endpoint acme is in maintenance until 2026-11-25T07:00:00.000Z',
      until: new Date('2026-11-25T07:00:00Z'),
    });
  });

  it('is told why an endpoint is suspended, and what to do', () => {
    const failure = { code: 'authentication-failed', message: 'refused' } as const;
    expect(
      whyWaitFor({ ...free, breaker: { state: 'open', failures: 1, openings: 1, failure } }, now),
    ).toEqual({
      reason: 'suspended',
      message:
        'endpoint acme is suspended; set its credential again, or resume it: authentication-failed: refused',
    });
  });

  it('has room exactly as long as it need not wait', () => {
    const place = fc.record({
      runs: fc.nat(5),
      runsOfPool: fc.nat(5),
      slotsOfPool: fc.nat(8),
      common: fc.boolean(),
      limits: fc.record(
        { maxRuns: fc.integer({ min: 1, max: 8 }), maxConnections: fc.integer({ min: 1, max: 8 }) },
        { requiredKeys: [] },
      ),
    });
    fc.assert(
      fc.property(place, (changes) => {
        const there = { ...free, ...changes, connections: changes.runs };
        const room = roomAt(there, now, 10);
        expect(room === 0).toBe(whyWaitFor(there, now) !== undefined);
        const { maxRuns = Infinity, maxConnections = Infinity } = changes.limits;
        if (room > 0)
          expect(changes.runs + room).toBeLessThanOrEqual(Math.min(maxRuns, Math.max(1, maxConnections)));
      }),
    );
  });
});
