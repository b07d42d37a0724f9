import { expect, it } from 'vitest';
import type { EndpointKind } from '../transfer.js';
import type { EndpointLimits } from './limits.js';
import { whyLimitsRefused } from './why-refused.js';

const zone = 'Europe/Berlin';

it.each<[EndpointKind, EndpointLimits, string, RegExp]>([
  ['s3', { maxConnections: 2 }, '/maxConnections', /limit its runs by maxRuns/],
  ['sftp', { bandwidth: [{ bytesPerSecond: 1, from: '08:00', zone }] }, '/bandwidth/0', /both from and to/],
  [
    'sftp',
    { bandwidth: [{ bytesPerSecond: 1, from: '08:00', to: '09:00' }] },
    '/bandwidth/0',
    /needs a zone/,
  ],
  [
    'sftp',
    { bandwidth: [{ bytesPerSecond: 1 }, { bytesPerSecond: 1, zone }] },
    '/bandwidth/1',
    /leave it out/,
  ],
  ['local', { maintenance: [{ from: '08:00', to: '08:00', zone }] }, '/maintenance/0', /00:00 to 24:00/],
  ['local', { maintenance: [{ from: '08:00', to: '09:00', zone: 'Berlin' }] }, '/maintenance/0', /no.* IANA/],
  [
    'sftp',
    { maintenance: [{ startsAt: '2026-01-02T00:00:00Z', endsAt: '2026-01-01T00:00:00Z' }] },
    '/maintenance/0',
    /not after/,
  ],
])('of kind %s refuses %j', (kind, limits, at, why) => {
  expect(whyLimitsRefused(kind, limits)).toEqual({ at, why: expect.stringMatching(why) });
});

it('takes limits that make sense', () => {
  const limits: EndpointLimits = {
    ...{ maxRuns: 2, maxConnections: 2, bandwidth: [{ bytesPerSecond: 1, days: ['sun'], zone }] },
    maintenance: [{ from: '22:00', to: '02:00', zone }],
  };
  expect(whyLimitsRefused('sftp', limits)).toBeUndefined();
});
