import type { HostKeyScanReport, HostKeyState } from '@waybill/domain';
import type { HostKey } from '@waybill/domain/host-key';

interface KeyOnRecord extends HostKey {
  readonly state: HostKeyState;
}

/** What a scan says about the keys that a server offered, given those on record before and after new ones were added. */
export function compareScan(
  offered: readonly HostKey[],
  before: readonly KeyOnRecord[],
  after: readonly KeyOnRecord[],
): HostKeyScanReport {
  const same = (key: HostKey) => (other: HostKey) => other.publicKey === key.publicKey;
  return {
    offered: offered.map((key) => ({
      algorithm: key.algorithm,
      fingerprint: key.fingerprint,
      state: after.find(same(key))?.state ?? null,
      isNew: !before.some(same(key)),
    })),
    missing: after
      .filter(({ state }) => state === 'active' || state === 'retiring')
      .filter((key) => !offered.some(same(key)))
      .map(({ algorithm, fingerprint }) => ({ algorithm, fingerprint })),
  };
}
