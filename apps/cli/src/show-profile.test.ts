import type { Endpoint } from '@waybill/contract';
import { expect, it } from 'vitest';
import { profileFacts, profileWarnings } from './show-profile.js';

/** As a good server is seen; warnings look at nothing else. */
const profile = {
  software: 'OpenSSH_9.2p1',
  renameReplaces: false,
  posixRename: true,
  timePrecisionMs: 1_000,
  clockOffsetMs: -400,
  channels: 10,
  connections: 2,
  freeBytes: 3 * 1024 ** 3,
  hashes: [] as string[],
} as NonNullable<Endpoint['profile']>;

it('says in one line what a probe found out, without what it could not tell', () => {
  expect(profileFacts(profile)).toBe(
    'OpenSSH_9.2p1; 10 channels; 2 connections; 3.00 GiB free; times to 1.0 s',
  );
  const little = { ...profile, software: null, channels: 1, connections: null, freeBytes: null };
  expect(profileFacts(little)).toBe('1 channel; times to 1.0 s');
});

it('warns of nothing where all works', () => {
  expect(profileWarnings(profile)).toEqual([]);
});

it('warns of what a transfer would stumble over, and not of what could not be told', () => {
  const poor = { ...profile, posixRename: false, canStat: false, keepsRead: null, clockOffsetMs: 3_600_000 };
  expect(profileWarnings(poor)).toEqual([
    'files cannot be looked at by their names',
    'no file is replaced in one step',
    'its clock is 1 h 0 min ahead of ours',
  ]);
});
