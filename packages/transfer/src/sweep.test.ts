import { parsePath, type RemotePath } from '@waybill/domain';
import { asidePathOf, partPathOf } from '@waybill/domain/naming';
import { openMemoryEndpoint } from '@waybill/storage';
import { faulty } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import { type Sighting, type SweepRecords, sweep } from './sweep.js';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';

const DAY = 24 * 3_600_000;
const out = parsePath('out');
const digits = '0123456789ab';
const part = partPathOf(`0199aaaa-bbbb-7ccc-8ddd-${digits}`, parsePath('out/report.csv'));
const theirs = parsePath('out/theirs.tmp');
const claimed = parsePath('out/claimed.tmp');

/** A target with leftovers and with files that look alike, and what is known of them. */
function leftovers(ours: readonly RemotePath[] = [part, claimed]) {
  const endpoint = openMemoryEndpoint({ properties: { partNaming: { kind: 'suffix', suffix: '.tmp' } } });
  const long = new Date('2001-01-01T00:00:00Z');
  const aside = asidePathOf(parsePath('out/old'), digits);
  const others = ['out/report.csv', 'out/x.part', 'out/.waybill-x.part', `deep/${part}`, aside, theirs];
  for (const path of [...others, part, claimed]) endpoint.seed(path, 'bytes', long);
  const seen = new Map<RemotePath, readonly Sighting[]>();
  const released: RemotePath[] = [];
  const records: SweepRecords = {
    begin: async (directory) => seen.get(directory) ?? [],
    end: async (directory, sightings) => void seen.set(directory, sightings),
    release: async (paths) => {
      released.push(...paths);
      return new Set(paths.filter((path) => ours.includes(path)));
    },
  };
  const removed: RemotePath[] = [];
  const sweepAt = (at: number, target = endpoint as Parameters<typeof sweep>[0]['endpoint']) =>
    sweep({
      ...{ endpoint: target, directories: [out], records, safeAgeMs: DAY },
      ...{ signal: new AbortController().signal, now: () => new Date(at) },
      onRemoved: ({ path }) => removed.push(path),
    });
  return { endpoint, others, records, released, removed, sweepAt };
}

describe('a sweep', () => {
  it('removes what it has seen unchanged for the safe age, and nothing else', async () => {
    const { endpoint, others, released, removed, sweepAt } = leftovers();
    await sweepAt(0);
    await sweepAt(DAY - 1);
    expect([released, removed]).toEqual([[], []]);
    await sweepAt(DAY);
    expect(removed.sort()).toEqual([part, claimed].sort());
    expect(released.sort()).toEqual([part, claimed, theirs].sort());
    expect(endpoint.paths()).toEqual([...others].sort());
  });

  it('leaves what changed in the meantime, and what another run has', async () => {
    const { endpoint, removed, sweepAt } = leftovers([part]);
    await sweepAt(0);
    endpoint.seed(part, 'other bytes');
    await sweepAt(DAY);
    expect(removed).toEqual([]);
    await sweepAt(2 * DAY);
    expect(removed).toEqual([part]);
    expect(endpoint.content(claimed)).toBeDefined();
  });

  it('leaves a file that changes while it looks who has it', async () => {
    const { endpoint, records, removed, sweepAt } = leftovers();
    await sweepAt(0);
    const release = records.release;
    records.release = (paths) => {
      endpoint.seed(part, 'somebody works at it');
      return release(paths);
    };
    await sweepAt(DAY);
    expect(removed).toEqual([claimed]);
  });

  it('lists nothing while another one is under way, and bears a directory that is gone', async () => {
    const { endpoint, records, sweepAt } = leftovers();
    const target = faulty(endpoint, []);
    records.begin = async () => undefined;
    await sweepAt(0, target);
    expect(target.calls).toEqual([]);
    records.begin = async () => [];
    await sweepAt(0, openMemoryEndpoint());
  });

  it('that dies at any step is made good by the next one', async () => {
    for (let step = 1; ; step++) {
      const { endpoint, others, sweepAt } = leftovers();
      await sweepAt(0);
      const target = new CrashingEndpoint(endpoint);
      target.crash = new Crash(step);
      await sweepAt(DAY, target).catch((error: unknown) => expect(error).toBeInstanceOf(Crashed));
      await sweepAt(DAY);
      expect(endpoint.paths(), `step ${step}`).toEqual([...others].sort());
      if (!target.crash.happened) return expect(step).toBeGreaterThan(5);
    }
  });
});
