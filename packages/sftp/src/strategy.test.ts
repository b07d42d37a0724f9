import type { EndpointProfile } from '@waybill/domain';
import { describe, expect, it } from 'vitest';
import { firstFacts } from './probe/probing.js';
import { POSIX_RENAME, strategyFor } from './strategy.js';

const quirks = { emptiesOnOpen: false, removesDirectories: false };
const modern = { posixRename: true, quirks };
const plain = { posixRename: false, quirks };

function seen(facts: Partial<EndpointProfile>): EndpointProfile {
  const known = { software: 'OpenSSH_9.2p1', extensions: new Map([[POSIX_RENAME, '1']]), limits: undefined };
  return { ...firstFacts(known, new Date(0)), ...facts };
}

describe('the strategy for an endpoint', () => {
  it('follows what the server announces where nothing was probed, or nothing could be told', () => {
    const announced = {
      posixRename: true,
      renameReplaces: false,
      continues: true,
      timePrecisionMs: 1000,
      maxChannels: 10,
    };
    expect(strategyFor(modern, {})).toEqual(announced);
    expect(strategyFor(modern, { profile: seen({}) })).toEqual(announced);
  });

  it('never opens more channels than the operator allows, nor than the server was seen to', () => {
    const channels = (maxChannels: number, facts: Partial<EndpointProfile>) =>
      strategyFor(modern, { maxChannels, profile: seen(facts) }).maxChannels;
    expect(channels(4, { channels: 10, refusesMoreChannels: true })).toBe(4);
    expect(channels(8, { channels: 2, refusesMoreChannels: true })).toBe(2);
    expect(channels(8, { channels: 0, refusesMoreChannels: true })).toBe(1);
  });

  it('is not bound by a count of channels that an earlier setting had ended', () => {
    const profile = seen({ channels: 2, refusesMoreChannels: false });
    expect(strategyFor(modern, { maxChannels: 8, profile }).maxChannels).toBe(8);
  });

  it('continues no file where it was seen to fail, and opens none twice there', () => {
    const profile = seen({ continues: false });
    expect(strategyFor(modern, { profile })).toMatchObject({ continues: false, maxChannels: 1 });
  });

  it('does not believe in continuing where the server is known to empty files', () => {
    const emptying = { posixRename: false, quirks: { ...quirks, emptiesOnOpen: true } };
    expect(strategyFor(emptying, { profile: seen({ continues: true }) }).continues).toBe(false);
  });

  it('leaves posix-rename alone where it was offered and refused', () => {
    expect(strategyFor(modern, { profile: seen({ posixRename: false }) }).posixRename).toBe(false);
  });

  it('uses posix-rename where the server offers it since the probe, and only then', () => {
    const before = seen({ posixRename: false, extensions: [] });
    expect(strategyFor(modern, { profile: before }).posixRename).toBe(true);
    expect(strategyFor(plain, { profile: seen({ posixRename: true }) }).posixRename).toBe(false);
  });

  it('takes times for coarser where they were seen to be, never for finer', () => {
    const precision = (timePrecisionMs: number) =>
      strategyFor(modern, { profile: seen({ timePrecisionMs }) }).timePrecisionMs;
    expect(precision(60_000)).toBe(60_000);
    expect(precision(1)).toBe(1000);
  });

  it('tries plain rename first only where it was seen to replace', () => {
    const replaces = (renameReplaces: boolean | null) =>
      strategyFor(plain, { profile: seen({ renameReplaces }) }).renameReplaces;
    expect([true, false, null].map(replaces)).toEqual([true, false, false]);
  });
});
