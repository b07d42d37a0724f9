import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '@waybill/testkit/run-program';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { collect, inPieces, transform } from './testing/streams.js';
import { zip } from './zip.js';

const content = Buffer.from('date;amount\n2026-11-23;12.50\n'.repeat(5000));
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waybill-archives-'));
  await writeFile(join(directory, 'day.csv'), content);
  await writeFile(join(directory, 'other.csv'), 'other');
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const run = (program: string, args: readonly string[], stdin: Uint8Array | string = '') =>
  runProgram(program, args, { stdin, cwd: directory });

it('gzip reads what is packed here, and the other way round, also several files in one', async () => {
  const { output } = await transform([{ kind: 'gzip' }], content);
  expect((await run('gzip', ['-dc'], output)).equals(content)).toBe(true);
  const packed = await run('gzip', ['-c', 'day.csv', 'other.csv']);
  expect((await transform([{ kind: 'gunzip' }], packed)).output.toString()).toBe(`${content}other`);
});

it.each([
  ['with numbers of 32 bits', {}],
  ['with numbers of 64 bits', { zip64From: 0 }],
])(
  'unzip finds no fault with what is packed here, %s, and sees the name and time',
  async (_what, options) => {
    const modifiedAt = new Date('2026-11-23T04:05:06Z');
    const packed = zip({ entryName: 'täglich.csv', modifiedAt, ...options });
    const archive = await collect(packed(inPieces(content), new AbortController().signal));
    const file = join(directory, 'ours.zip');
    await writeFile(file, archive);
    expect((await run('unzip', ['-tq', file])).toString()).toContain('No errors detected');
    expect((await run('unzip', ['-p', file])).equals(content)).toBe(true);
    expect((await run('unzip', ['-Z', '-T', file])).toString()).toContain('20261123.040506');
    const { output, report } = await transform([{ kind: 'unzip' }], inPieces(archive, 100));
    expect(output.equals(content)).toBe(true);
    expect(report[0]?.entry).toBe('täglich.csv');
  },
);

it.each([
  ['files with their sizes ahead', ['theirs.zip', 'day.csv', 'other.csv']],
  ['files not compressed', ['-0', 'theirs.zip', 'day.csv', 'other.csv']],
  ['sizes after the data', ['-fd', 'theirs.zip', 'day.csv', 'other.csv']],
  ['numbers of 64 bits', ['-fz', 'theirs.zip', 'day.csv', 'other.csv']],
  ['a comment', ['-z', 'theirs.zip', 'day.csv', 'other.csv']],
])('reads what zip packed: %s', async (_what, args) => {
  await rm(join(directory, 'theirs.zip'), { force: true });
  await run('zip', ['-q', ...args], 'a comment\n.\n');
  const archive = await readFile(join(directory, 'theirs.zip'));
  for (const size of [1000, 64 * 1024]) {
    const { output } = await transform([{ kind: 'unzip', entry: 'day.csv' }], inPieces(archive, size));
    expect(output.equals(content)).toBe(true);
  }
});

it('reads what zip packed out of a pipe, and refuses what zip encrypted', async () => {
  const piped = await run('zip', ['-q', '-', '-'], content);
  expect((await transform([{ kind: 'unzip' }], piped)).output.equals(content)).toBe(true);
  await run('zip', ['-q', '-P', 'secret', 'encrypted.zip', 'day.csv']);
  const encrypted = await readFile(join(directory, 'encrypted.zip'));
  await expect(transform([{ kind: 'unzip' }], encrypted)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('ask the sender to use OpenPGP'),
  });
});
