import type { EndpointProfile } from '@waybill/domain';
import { expect, it } from 'vitest';
import { firstFacts } from './probing.js';
import { proposalsFor } from './proposals.js';

const known = { software: undefined, extensions: new Map<string, string>(), limits: undefined };
const unknown = firstFacts(known, new Date(0));

function proposed(facts: Partial<EndpointProfile>): (readonly [string, string | number])[] {
  return proposalsFor({ ...unknown, ...facts }).map(({ setting, proposed }) => [setting, proposed]);
}

it('proposes nothing where nothing could be told', () => {
  expect(proposed({})).toEqual([]);
});

it('proposes as many channels as the server allows, where it refuses more', () => {
  expect(proposed({ channels: 3, refusesMoreChannels: true })).toEqual([['maxChannels', 3]]);
  expect(proposed({ channels: 10, refusesMoreChannels: false })).toEqual([]);
});

it('never proposes to look less closely where other bytes come back than were written', () => {
  const settings = proposed({ canReadBack: true, keepsBytes: false, tellsTrueSize: false });
  expect(settings.map(([setting]) => setting)).toEqual(['directory']);
});

it('proposes to prove arrival by size where reading back is refused, or takes the file away', () => {
  expect(proposed({ canReadBack: false })).toEqual([['verification', 'size']]);
  expect(proposed({ canReadBack: true, keepsRead: false })).toEqual([['verification', 'size']]);
});

it('says whom to ask where no arrival can be proven', () => {
  expect(proposed({ canWrite: true, canStat: false, canStatOpen: false })).toEqual([
    ['rights of the account', expect.stringContaining('ask the partner')],
  ]);
  expect(proposed({ canWrite: true, canStat: false, canStatOpen: true })).toEqual([]);
});
