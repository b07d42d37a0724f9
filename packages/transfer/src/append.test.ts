import { createHash } from 'node:crypto';
import { parsePath } from '@waybill/domain';
import { type StorageEndpoint, StorageError } from '@waybill/storage';
import { faulty } from '@waybill/storage/faulty';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { aWorld, type DefinitionChange, someBytes, type World } from './testing/world.js';

const CHUNK = 64 * 1024;
const ours = Buffer.from(someBytes(2 * CHUNK + 5));
const theirs = Buffer.from(someBytes(CHUNK + 3, 7));
const sumOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function appending(change: DefinitionChange = {}): World {
  const world = aWorld({ a: ours }, { conflict: 'append', verification: 'read-back', ...change });
  world.target.seed('out/a', theirs);
  return world;
}

/** An endpoint where a put onto `out/a` is preceded, or cut short after so many bytes, by something else. */
function onAppend(
  world: World,
  { before, cutAfter, error }: { before?: () => void; cutAfter?: number; error?: Error },
): StorageEndpoint {
  const target = faulty(world.target, []);
  const put = target.put.bind(target);
  target.put = (path, body, options) => {
    if (path !== 'out/a') return put(path, body, options);
    before?.();
    return put(path, cutAfter === undefined ? body : cut(body, cutAfter, error), options);
  };
  return target;
}

async function* cut(body: AsyncIterable<Uint8Array>, after: number, error: Error = new Crashed('died')) {
  let left = after;
  for await (const chunk of body) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) throw error;
  }
}

describe('under the rule "append"', () => {
  it('a file is extended by the new one, and the record says by what', async () => {
    const world = appending();
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 1, bytes: ours.length });
    expect(world.target.paths()).toEqual(['out/a']);
    expect(world.target.content('out/a')?.equals(Buffer.concat([theirs, ours]))).toBe(true);
    expect(world.journal.record('in/a')).toMatchObject({
      ...{ state: 'delivered', sha256: sumOf(ours) },
      committing: { joined: { bytes: theirs.length, sha256: sumOf(theirs) } },
    });
  });

  it.each(['none', 'size', 'read-back'] as const)(
    'proof "%s" is had of the whole file',
    async (verification) => {
      const world = appending({ verification });
      await world.run();
      const assurance = verification === 'read-back' ? 'read-back' : 'size';
      expect(world.journal.record('in/a').proof?.assurance).toBe(assurance);
    },
  );

  it('a file that is not there is made, and empty ones are extended, or change nothing', async () => {
    const world = aWorld({ a: 'ours', b: 'ours', c: '' }, { conflict: 'append' });
    world.target.seed('out/b', '');
    world.target.seed('out/c', 'theirs');
    expect(await world.run()).toMatchObject({ delivered: 3 });
    const contents = ['a', 'b', 'c'].map((name) => world.target.content(`out/${name}`)?.toString());
    expect(contents).toEqual(['ours', 'ours', 'theirs']);
  });

  it('files of one name come one behind the other, in their order, however many are moved at once', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `f${String(at).padStart(2, '0')}`);
    const files = Object.fromEntries(names.map((name) => [name, `${name};`]));
    const world = aWorld(files, { conflict: 'append', name: 'all', concurrency: 5 });
    expect(await world.run()).toMatchObject({ state: 'succeeded', delivered: 12 });
    expect(world.target.content('out/all')?.toString()).toBe(names.map((name) => `${name};`).join(''));
  });

  it('one that another attempt has to bring is waited for by those behind it', async () => {
    const world = aWorld({ a: 'a;', b: 'b;', c: 'c;' }, { conflict: 'append', name: 'all', concurrency: 3 });
    const source = faulty(world.source, [
      {
        on: 'read',
        call: 2,
        effect: { kind: 'fails', error: new StorageError('source-changed', 'it changed') },
      },
    ]);
    await expect(world.run({ source })).rejects.toMatchObject({ code: 'source-changed' });
    expect(world.target.content('out/all')?.toString()).toBe('a;');
    expect(await world.run()).toMatchObject({ delivered: 3 });
    expect(world.target.content('out/all')?.toString()).toBe('a;b;c;');
  });

  it('wherever the worker dies, each of several is appended once and whole', {
    timeout: 60_000,
  }, async () => {
    for (let step = 1; ; step++) {
      const world = aWorld(
        { a: ours, b: 'b;', c: 'c;' },
        { conflict: 'append', name: 'all', concurrency: 2 },
      );
      world.target.seed('out/all', theirs);
      const [source, target] = [new CrashingEndpoint(world.source), new CrashingEndpoint(world.target)];
      const crash = new Crash(step);
      for (const part of [source, target, world.journal]) part.crash = crash;
      await world.run({ source, target }).catch((error: unknown) => expect(error).toBeInstanceOf(Crashed));
      if (!crash.happened) break;
      for (const part of [source, target, world.journal]) part.crash = undefined;
      expect(await world.run({ source, target }), `step ${step}`).toMatchObject({ state: 'succeeded' });
      const whole = Buffer.concat([theirs, ours, Buffer.from('b;c;')]);
      expect(world.target.content('out/all')?.equals(whole), `step ${step}`).toBe(true);
      expect(world.target.paths(), `step ${step}`).toEqual(['out/all']);
    }
  });

  it('what was cut short at any byte is gone on with', async () => {
    const check = async (cutAfter: number) => {
      const world = appending();
      await expect(world.run({ target: onAppend(world, { cutAfter }) })).rejects.toThrow('died');
      expect(await world.run()).toMatchObject({ delivered: 1 });
      expect(world.target.content('out/a')?.equals(Buffer.concat([theirs, ours]))).toBe(true);
      expect(world.target.paths()).toEqual(['out/a']);
    };
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: ours.length }), check), { numRuns: 50 });
  });

  it('what arrived in no order is gone on with at the first hole, even if its end is there', async () => {
    for (const length of [ours.length, 2 * CHUNK - 1]) {
      const world = appending();
      await expect(world.run({ target: onAppend(world, { cutAfter: CHUNK }) })).rejects.toThrow('died');
      const torn = Buffer.from(ours.subarray(0, length)).fill(0, CHUNK, CHUNK + 4_000);
      world.target.seed('out/a', Buffer.concat([theirs, torn]));
      expect(await world.run()).toMatchObject({ delivered: 1 });
      expect(world.target.content('out/a')?.equals(Buffer.concat([theirs, ours]))).toBe(true);
      expect(world.target.paths()).toEqual(['out/a']);
    }
  });

  it('a part that reads as other bytes than were proven is held, and never called delivered', async () => {
    const world = appending({ verification: 'size' });
    const target = onAppend(world, {
      before: () => {
        const part = world.target.paths().find((path) => path.endsWith('.part')) ?? '';
        world.target.seed(part, Buffer.from(ours).fill(1, 0, 9));
      },
    });
    await expect(world.run({ target })).rejects.toMatchObject({ code: 'outcome-unknown' });
    const lost = faulty(world.target, []);
    const again = world.run({ target: lost });
    expect(await again).toMatchObject({ delivered: 1 });
    expect(lost.calls.filter(({ operation }) => operation === 'put')).toHaveLength(2);
  });

  it('needs the source no more once the part is proven', async () => {
    const world = appending();
    await expect(world.run({ target: onAppend(world, { cutAfter: CHUNK }) })).rejects.toThrow('died');
    await world.source.remove(parsePath('in/a'), { signal: new AbortController().signal });
    expect(await world.run()).toMatchObject({ delivered: 1 });
    expect(world.target.content('out/a')?.equals(Buffer.concat([theirs, ours]))).toBe(true);
  });

  const meddlings: [string, Buffer | undefined][] = [
    ['appended to', Buffer.concat([theirs, ours.subarray(0, CHUNK), Buffer.from('x')])],
    ['appended to behind ours', Buffer.concat([theirs, ours, Buffer.from('x')])],
    ['cut', theirs.subarray(1)],
    ['replaced by one of its length', Buffer.concat([Buffer.from('x'), theirs.subarray(1)])],
    ['removed', undefined],
  ];
  it.each(meddlings)(
    'the run is held for a file that was %s after the worker died',
    async (_how, content) => {
      const world = appending();
      await expect(world.run({ target: onAppend(world, { cutAfter: CHUNK }) })).rejects.toThrow('died');
      if (content) world.target.seed('out/a', content);
      else await world.target.remove(parsePath('out/a'), { signal: new AbortController().signal });
      await expect(world.run()).rejects.toMatchObject({ code: 'outcome-unknown' });
      expect(world.target.content('out/a')?.toString('hex')).toBe(content?.toString('hex'));
      expect(world.journal.record('in/a').state).toBe('unknown');
      expect(await world.run()).toMatchObject({ delivered: 1 });
      const again = Buffer.concat([content ?? Buffer.alloc(0), ours]);
      expect(world.target.content('out/a')?.equals(again)).toBe(true);
    },
  );

  it('a file that grows between the look and the append is left alone', async () => {
    const world = appending();
    const committing = world.journal.committing.bind(world.journal);
    world.journal.committing = async (...step) => {
      await committing(...step);
      world.target.seed('out/a', 'another one');
    };
    await expect(world.run()).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(world.target.content('out/a')?.toString()).toBe('another one');
  });

  it('a file that may not be extended fails alone, and one of which a piece was appended is held', async () => {
    const error = new StorageError('permission-denied', 'no more');
    const untouched = appending();
    const refusing = onAppend(untouched, {
      before: () => {
        throw error;
      },
    });
    await expect(untouched.run({ target: refusing })).rejects.toMatchObject({ code: 'permission-denied' });
    expect(untouched.target.content('out/a')).toEqual(theirs);
    expect(untouched.target.paths()).toEqual(['out/a']);

    const begun = appending();
    const half = onAppend(begun, { cutAfter: CHUNK, error });
    await expect(begun.run({ target: half })).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(await begun.run()).toMatchObject({ delivered: 1 });
    expect(begun.target.content('out/a')?.equals(Buffer.concat([theirs, ours]))).toBe(true);
  });

  it('is refused where no file can be extended, or where there are no part files', async () => {
    for (const properties of [{ continues: false }, { partNaming: { kind: 'none' } as const }]) {
      const world = appending();
      const target = faulty(world.target, []);
      Object.defineProperty(target, 'properties', { value: { ...world.target.properties, ...properties } });
      await expect(world.run({ target })).rejects.toMatchObject({ code: 'misconfigured' });
      expect(world.target.content('out/a')).toEqual(theirs);
    }
  });
});
