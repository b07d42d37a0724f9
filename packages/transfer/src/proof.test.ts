import { createHash } from 'node:crypto';
import type { Verification } from '@waybill/domain';
import { openMemoryEndpoint, type RemoteHash, type StorageEndpoint, StorageError } from '@waybill/storage';
import { type Fault, faulty } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import { aWorld, type DefinitionChange, seededAt, someBytes, type World } from './testing/world.js';

const CHUNK = 64 * 1024;
const big = Buffer.from(someBytes(5 * CHUNK + 17));
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

type Hash = true | ((content: Uint8Array) => RemoteHash);

const told =
  (sha256: string, certain = true) =>
  () =>
    ({ kind: 'told', sha256, certain }) as const;
const untold = () => ({ kind: 'untold', why: 'it has no way to' }) as const;
const otherHash = 'f'.repeat(64);
const denied = (operation: 'read' | 'stat'): Fault => ({
  on: operation,
  call: 'every',
  effect: { kind: 'fails', error: new StorageError('permission-denied', `${operation} is denied`) },
});
const unseen = new StorageError('unproven', 'written, and nobody may look');

/** A target that tells hashes, with faults; `calls` are what it was asked for. */
function aTarget(hash: Hash | undefined, faults: readonly Fault[] = []) {
  const memory = openMemoryEndpoint({ label: 'memory://target/', ...(hash !== undefined && { hash }) });
  const target = faulty(memory, faults);
  const asked = (operation: string) => target.calls.filter((call) => call.operation === operation).length;
  return { memory, target, asked };
}

function aRun(
  proof: Verification,
  hash: Hash | undefined,
  faults: readonly Fault[] = [],
  change?: DefinitionChange,
) {
  const world = aWorld({ big }, change);
  const { memory, target, asked } = aTarget(hash, faults);
  const run = (source: StorageEndpoint = world.source, required = proof) =>
    world.run({ source, target, proof: required, checkpointEveryBytes: CHUNK });
  return { ...world, memory, asked, run };
}

const proven = (world: Pick<World, 'journal'>) => world.journal.record('in/big').proof?.assurance;

describe('a delivery is proven', () => {
  it.each([
    ['none', true, 'size'],
    ['size', true, 'size'],
    ['read-back', true, 'remote-hash'],
    ['read-back', untold, 'read-back'],
    ['read-back', undefined, 'read-back'],
    ['remote-hash', true, 'remote-hash'],
  ] as const)('where %s is required and the target tells %s, by %s', async (proof, hash, assurance) => {
    const world = aRun(proof, hash);
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(proven(world)).toBe(assurance);
    expect(world.asked('read')).toBe(assurance === 'read-back' ? 1 : 0);
    expect(world.warnings).toEqual([]);
  });

  it('by what the definition asks for, where nobody requires anything', async () => {
    const world = aWorld({ big }, { verification: 'read-back' });
    await world.run();
    expect(proven(world)).toBe('read-back');
  });

  it('by reading it back, with a warning, where the hash that the target tells is a wrong one', async () => {
    const world = aRun('read-back', told(otherHash));
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(proven(world)).toBe('read-back');
    expect(world.warnings).toEqual([expect.stringMatching(/says SHA-256 ffff.*reading it back gives/)]);
  });

  it('by reading it back where the target may have hashed another file', async () => {
    const world = aRun('read-back', told(otherHash, false));
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(proven(world)).toBe('read-back');
  });

  it.each([
    ['none', 'none', 1],
    ['read-back', 'read-back', 0],
  ] as const)(
    'where %s is required and nobody may look at sizes, by %s',
    async (proof, assurance, warnings) => {
      const world = aWorld({ big });
      const put = world.target.put.bind(world.target);
      world.target.put = async (...asked) => {
        await put(...asked);
        throw unseen;
      };
      expect(await world.run({ proof })).toMatchObject({ state: 'succeeded', delivered: 1 });
      expect(proven(world)).toBe(assurance);
      expect(world.warnings).toHaveLength(warnings);
    },
  );
});

describe('a delivery is not called delivered', () => {
  const nothingArrived = (world: { memory: { paths(): string[] } }) =>
    expect(world.memory.paths()).toEqual([]);

  it.each([
    ['tells none', untold, 'it has no way to'],
    ['has no way to', undefined, 'has no way to tell a hash'],
    ['may have hashed another file', told(otherHash, false), 'another file of this name'],
    ['tells a wrong one', told(otherHash), 'reading it back gives what was sent'],
  ] as const)('where a remote hash is required and the target %s', async (_, hash, why) => {
    const world = aRun('remote-hash', hash);
    await expect(world.run()).rejects.toMatchObject({
      code: 'unproven',
      message: expect.stringContaining(why),
    });
    expect(world.journal.record('in/big')).toMatchObject({ state: 'failed', failure: { code: 'unproven' } });
    nothingArrived(world);
  });

  it('where reading back is required and nobody may read', async () => {
    const world = aRun('read-back', told(otherHash, false), [denied('read')]);
    await expect(world.run()).rejects.toMatchObject({
      code: 'unproven',
      message: expect.stringContaining('require "size"'),
    });
    nothingArrived(world);
  });

  it('but corrupted where the target tells another hash and nobody may read to look into it', async () => {
    const world = aRun('read-back', told(otherHash), [denied('read')]);
    await expect(world.run()).rejects.toMatchObject({ code: 'corrupted' });
    nothingArrived(world);
  });

  it('but corrupted where hash and bytes both tell so', async () => {
    const altered: Fault = { on: 'put', effect: { kind: 'alters-byte', at: CHUNK } };
    const world = aRun('remote-hash', true, [altered]);
    await expect(world.run()).rejects.toMatchObject({
      code: 'corrupted',
      message: expect.stringContaining('reads back as SHA-256'),
    });
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(proven(world)).toBe('remote-hash');
  });

  it('where its size is required and nobody may look', async () => {
    const world = aRun('size', undefined, [{ on: 'put', effect: { kind: 'fails', error: unseen } }]);
    await expect(world.run()).rejects.toMatchObject({ code: 'unproven' });
  });

  it('but corrupted where nothing is required and the size that is told is another one', async () => {
    const short: Fault = { on: 'put', effect: { kind: 'ends-short', afterBytes: CHUNK } };
    await expect(aRun('none', undefined, [short]).run()).rejects.toMatchObject({ code: 'corrupted' });
  });
});

describe('a rename whose answer is lost', () => {
  const lost: Fault = { on: 'move', effect: { kind: 'loses-reply' } };
  const blind: Fault = {
    on: 'stat',
    call: 1,
    effect: { kind: 'fails', error: new StorageError('connection-lost', 'gone') },
  };

  it.each([
    ['at once', [lost], 1],
    ['by the next attempt', [lost, blind], 2],
  ] as const)(
    'is told by the hash of the target, which reads nothing back: %s',
    async (_, faults, attempts) => {
      const world = aRun('size', true, faults);
      for (let failed = 1; failed < attempts; failed++)
        await expect(world.run()).rejects.toMatchObject({ code: 'connection-lost' });
      expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
      expect(proven(world)).toBe('remote-hash');
      expect(world.asked('read')).toBe(0);
      expect(world.asked('put')).toBe(1);
    },
  );

  it('is told by reading back where the target may have hashed another file', async () => {
    const world = aRun('size', told(otherHash, false), [lost]);
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(proven(world)).toBe('read-back');
  });

  it('is not counted as delivered if more is required by now than can be proven', async () => {
    const world = aRun('size', untold, [lost, blind]);
    await expect(world.run()).rejects.toMatchObject({ code: 'connection-lost' });
    await expect(world.run(world.source, 'remote-hash')).rejects.toMatchObject({
      code: 'unproven',
      message: expect.stringContaining('has arrived, but is proven by "read-back" alone'),
    });
    expect(world.asked('put')).toBe(1);
  });
});

describe('a move that was broken off', () => {
  const cut: Fault = { on: 'put', effect: { kind: 'loses-connection', afterBytes: 3 * CHUNK } };
  async function brokenOff(hash: Hash) {
    const world = aRun('size', hash, [cut]);
    const source = openMemoryEndpoint({ properties: { nearby: true } });
    source.seed('in/big', big, seededAt);
    await expect(world.run(source)).rejects.toMatchObject({ code: 'connection-lost' });
    return { ...world, source };
  }

  it('goes on behind what the target says it holds, and reads nothing back', async () => {
    const world = await brokenOff(true);
    expect(await world.run(world.source)).toMatchObject({ state: 'succeeded' });
    expect(world.journal.steps).toContain(`moving in/big ${3 * CHUNK}`);
    expect(world.asked('read')).toBe(0);
    expect(world.memory.content('out/big')?.equals(big)).toBe(true);
    expect(world.journal.record('in/big').proof?.sha256).toBe(sha256(big));
  });

  it.each([
    ['tells none', untold],
    ['tells another hash', told(otherHash)],
    ['may have hashed another file', told(otherHash, false)],
  ] as const)('is read back where the target %s', async (_, hash) => {
    const world = await brokenOff(hash);
    expect(await world.run(world.source)).toMatchObject({ state: 'succeeded' });
    expect(world.journal.steps).toContain(`moving in/big ${3 * CHUNK}`);
    expect(world.asked('read')).toBe(1);
    expect(world.memory.content('out/big')?.equals(big)).toBe(true);
  });

  it('is read back where the source is as far away as the target', async () => {
    const world = aRun('size', true, [cut]);
    await expect(world.run()).rejects.toMatchObject({ code: 'connection-lost' });
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(world.asked('read')).toBe(1);
    expect(world.asked('hash')).toBe(0);
  });

  it('starts over where the part file is gone or is another one', async () => {
    for (const spoil of ['remove', 'change'] as const) {
      const world = await brokenOff(true);
      const part = world.memory.paths()[0] ?? '';
      if (spoil === 'remove')
        await world.memory.remove(part as never, { signal: AbortSignal.timeout(5_000) });
      else world.memory.seed(part, someBytes(3 * CHUNK, 9));
      expect(await world.run(world.source)).toMatchObject({ state: 'succeeded' });
      expect(world.journal.steps.filter((step) => step === 'moving in/big 0')).toHaveLength(2);
      expect(world.memory.content('out/big')?.equals(big)).toBe(true);
    }
  });
});
