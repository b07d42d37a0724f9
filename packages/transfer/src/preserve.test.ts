import { parsePath } from '@waybill/domain';
import { type StorageEndpoint, StorageError } from '@waybill/storage';
import { faulty } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import { aWorld, seededAt } from './testing/world.js';

const signal = new AbortController().signal;
const arrived = parsePath('out/a');

describe('the time of a file', () => {
  it('is that of the source, as soon as it shows', async () => {
    const world = aWorld({ a: 'bytes' });
    const target = faulty(world.target, []);
    await world.run({ target });
    expect((await world.target.stat(arrived, { signal })).modifiedAt).toEqual(seededAt);
    const done = target.calls.map(({ operation }) => operation);
    expect(done.indexOf('setAttributes')).toBeLessThan(done.indexOf('move'));
  });

  it('is the time of its arrival, if so defined', async () => {
    const world = aWorld({ a: 'bytes' }, { preserveTimes: false });
    const before = Date.now();
    await world.run();
    const { modifiedAt } = await world.target.stat(arrived, { signal });
    expect(modifiedAt.getTime()).toBeGreaterThanOrEqual(before);
  });

  it('is no reason to take a file again, nor not to take it onward', async () => {
    const world = aWorld({ a: 'bytes' }, { verification: 'read-back' });
    await world.run();
    expect(await world.run()).toMatchObject({ delivered: 1 });
    const onward = aWorld({}, { selection: { settleMs: 2_000 } });
    const from = { ...onward.definition.source, directory: parsePath('out') };
    const definition = { ...onward.definition, source: from };
    expect(await onward.run({ definition, source: world.target })).toMatchObject({ delivered: 1 });
  });
});

describe('the mode of a file', () => {
  it('is the one that is defined', async () => {
    const world = aWorld({ a: 'bytes' }, { mode: '0640' });
    await world.run();
    expect((await world.target.stat(arrived, { signal })).mode).toBe(0o640);
  });

  it('is that of the source, if so defined', async () => {
    const world = aWorld({ a: 'bytes' }, { mode: 'preserve' });
    const setAttributes = world.source.setAttributes.bind(world.source);
    await setAttributes(parsePath('in/a'), { mode: 0o604 }, { signal });
    await world.run();
    expect((await world.target.stat(arrived, { signal })).mode).toBe(0o604);
  });

  it('stays as it is where the source tells none', async () => {
    const world = aWorld({ a: 'bytes' }, { mode: 'preserve' });
    expect(await world.run()).toMatchObject({ state: 'succeeded' });
    expect(world.warnings).toEqual([expect.stringContaining('does not tell the mode of in/a')]);
  });
});

it('a server that lets nobody set them is a warning, once', async () => {
  const world = aWorld({ a: 'bytes', b: 'others' }, { mode: '0600' });
  const error = new StorageError('permission-denied', 'no');
  const target = faulty(world.target, [
    { on: 'setAttributes', call: 'every', effect: { kind: 'fails', error } },
  ]);
  expect(await world.run({ target })).toMatchObject({ state: 'succeeded', delivered: 2 });
  expect(world.warnings).toEqual([
    'memory://target/ does not let us set the time of out/a',
    'memory://target/ does not let us set the mode of out/a',
  ]);
});

it('an endpoint that has no such attributes is asked for none', async () => {
  const world = aWorld({ a: 'bytes' });
  const target: StorageEndpoint = faulty(world.target, []);
  delete target.setAttributes;
  expect(await world.run({ target })).toMatchObject({ delivered: 1 });
  expect(world.warnings).toEqual([]);
});

it('a connection that is lost meanwhile is made good by the next attempt', async () => {
  const world = aWorld({ a: 'bytes' });
  const target = faulty(world.target, [{ on: 'setAttributes', effect: { kind: 'loses-reply' } }]);
  await expect(world.run({ target })).rejects.toMatchObject({ code: 'connection-lost' });
  expect(await world.run()).toMatchObject({ delivered: 1 });
  expect((await world.target.stat(arrived, { signal })).modifiedAt).toEqual(seededAt);
});
