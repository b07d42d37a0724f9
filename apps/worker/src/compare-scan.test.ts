import type { HostKeyState } from '@waybill/domain';
import { expect, it } from 'vitest';
import { compareScan } from './compare-scan.js';

const key = (name: string) => ({
  algorithm: 'ssh-ed25519',
  publicKey: name,
  fingerprint: `SHA256:${name}`,
});
const onRecord = (name: string, state: HostKeyState) => ({ ...key(name), state });

it('tells new keys from known ones, and what is trusted but was not offered', () => {
  const before = [onRecord('ours', 'active'), onRecord('old', 'retiring'), onRecord('bad', 'revoked')];
  const after = [...before, onRecord('new', 'proposed')];
  const { offered, missing } = compareScan([key('ours'), key('new')], before, after);
  expect(offered.map(({ fingerprint, state, isNew }) => [fingerprint, state, isNew])).toEqual([
    ['SHA256:ours', 'active', false],
    ['SHA256:new', 'proposed', true],
  ]);
  expect(missing).toEqual([{ algorithm: 'ssh-ed25519', fingerprint: 'SHA256:old' }]);
});

it('says so of a key that was not recorded', () => {
  expect(compareScan([key('new')], [], []).offered).toMatchObject([{ state: null, isNew: true }]);
});
