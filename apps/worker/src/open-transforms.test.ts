import { gzipSync } from 'node:zlib';
import type { TransformSpec } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aWorld, someBytes } from '../../../packages/transfer/src/testing/world.js';
import { examples, fileFor, keysOfExamples } from '../../../packages/transforms/src/testing/doc-examples.js';
import { transformsOpener } from './open-transforms.js';

const keys = await keysOfExamples();
const opener = (transforms: readonly TransformSpec[]) => transformsOpener(transforms, undefined, keys);

/** What a run makes of one file, and what the file is called then. */
async function moved(transforms: readonly TransformSpec[], name: string, content: Uint8Array) {
  const { run, target, journal } = aWorld({ [name]: content }, { transforms, verification: 'read-back' });
  const openTransforms = opener(transforms);
  await run({ openTransforms });
  const [path = '', ...others] = target.paths();
  expect(others).toEqual([]);
  return { name: path.replace('out/', ''), content: target.content(path), journal };
}

it.each(examples)('the example %s of docs/transforms.md works in a run', async (json, name, result) => {
  const specs = JSON.parse(json) as TransformSpec[];
  const after = await moved(specs, name, await fileFor(specs, keys));
  expect(after.name).toBe(result);
  const { proof } = after.journal.record(`in/${name}`);
  expect(proof?.transformed?.stages.map(({ kind }) => kind)).toEqual(specs.map(({ kind }) => kind));
  expect(proof?.transformed?.stages.at(-1)).toMatchObject({ bytes: proof?.bytes, sha256: proof?.sha256 });
});

describe('any chain of transforms', () => {
  const level = fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined });
  /** Steps that can be undone, each with what undoes it. */
  const pair: fc.Arbitrary<readonly [TransformSpec, TransformSpec]> = fc.oneof(
    level.map((l) => [{ kind: 'gzip', level: l }, { kind: 'gunzip' }] as const),
    level.map((l) => [{ kind: 'zip', level: l }, { kind: 'unzip' }] as const),
    fc.boolean().map(
      (armor) =>
        [
          { kind: 'openpgp-encrypt', recipients: ['acme'], signWith: 'ours', armor },
          { kind: 'openpgp-decrypt', decryptWith: ['acme'], requireSignatureBy: ['ours'] },
        ] as const,
    ),
    fc.boolean().map(
      (armor) =>
        [
          { kind: 'openpgp-sign', signWith: 'ours', armor },
          { kind: 'openpgp-verify', requireSignatureBy: ['ours'] },
        ] as const,
    ),
    // Each byte is a character there, so any file is text.
    fc.constantFrom('utf-8', 'utf-16le', 'ibm1047').map(
      (to) =>
        [
          { kind: 'charset', from: 'iso-8859-1', to },
          { kind: 'charset', from: to, to: 'iso-8859-1' },
        ] as const,
    ),
  );
  const sizes = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 300_000 }));

  it('gives the file back once it is undone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { maxLength: 5 }), sizes, fc.nat(), async (pairs, size, seed) => {
        const content = someBytes(size, seed);
        const there = await moved(
          pairs.map(([step]) => step),
          'day.csv',
          content,
        );
        const back = await moved(
          pairs.map(([, undone]) => undone).reverse(),
          there.name,
          there.content ?? Buffer.of(),
        );
        expect(back.name).toBe('day.csv');
        expect(back.content?.equals(content)).toBe(true);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe('a transform that fails', () => {
  const damaged = gzipSync('content').subarray(0, -1);

  it('says why in the words of docs/transforms.md, and which step', async () => {
    const transforms = [{ kind: 'charset', from: 'us-ascii', to: 'utf-8' }, { kind: 'gunzip' }] as const;
    const { run } = aWorld({ 'a.gz': 'no gzip' }, { transforms });
    await expect(run({ openTransforms: opener(transforms) })).rejects.toMatchObject({
      code: 'transform-failed',
      message: expect.stringContaining('damaged: transform 2 (gunzip): '),
    });
  });

  it.each(['us', 'partner', undefined] as const)(
    'is for the side to put right that the file came from: %s',
    async (owner) => {
      const transforms = [{ kind: 'gunzip' }] as const;
      const { run } = aWorld({ 'a.gz': damaged }, { transforms });
      const openTransforms = transformsOpener(transforms, owner, keys);
      const error = await run({ openTransforms }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'transform-failed', owner });
    },
  );

  it('is ours to put right where a key is missing', async () => {
    const none = { publicKey: async () => undefined, privateKey: async () => undefined };
    const open = transformsOpener([{ kind: 'openpgp-sign', signWith: 'ours' }], 'partner', none);
    const error = await open?.(new AbortController().signal).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ code: 'transform-failed', owner: 'us' });
    expect(error).toMatchObject({ message: expect.stringContaining('no-key: transform 1 (openpgp-sign)') });
  });

  it('lets through what the source failed with', async () => {
    const transforms = [{ kind: 'gunzip' }] as const;
    const { run, source } = aWorld({ 'a.gz': gzipSync('content') }, { transforms });
    const lost = new StorageError('connection-lost', 'the line was cut');
    source.read = async function* () {
      yield Buffer.of(0x1f, 0x8b);
      throw lost;
    };
    await expect(run({ openTransforms: opener(transforms) })).rejects.toBe(lost);
  });
});

it('nothing is opened for a definition without transforms', () => {
  expect(transformsOpener(undefined, undefined, keys)).toBeUndefined();
  expect(transformsOpener([], undefined, keys)).toBeUndefined();
});
