import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocalEndpoint, type StorageEndpoint } from '@waybill/storage';
import { type Fault, faulty } from '@waybill/storage/faulty';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RunTransferInput, runTransfer } from './run-transfer.js';
import { MemoryJournal } from './testing/memory-journal.js';
import { aDefinition, archived, slowClock, someBytes } from './testing/world.js';

let root: string;
let source: StorageEndpoint;
let target: StorageEndpoint;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'waybill-transfer-'));
  await mkdir(join(root, 'source/in'), { recursive: true });
  await mkdir(join(root, 'target'));
  source = await openLocalEndpoint({ root: join(root, 'source') });
  target = await openLocalEndpoint({ root: join(root, 'target') });
});
afterEach(async () => {
  await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
  await rm(root, { recursive: true });
});

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const MEBIBYTE = 1024 * 1024;

function run(change: Partial<RunTransferInput>) {
  return runTransfer({
    ...{ source, target, journal: new MemoryJournal(), definition: aDefinition() },
    ...{ lastAttempt: false, signal: new AbortController().signal, now: slowClock() },
    ...change,
  });
}

it('moves files of odd names and sizes between two directories and archives them', async () => {
  const names = ['-dash', 'with space', 'ünï', "quote's", '*star', 'back\\slash', 'x'.repeat(200)];
  const files = names.map((name, i) => ({ name, content: someBytes(i * 70_001, i + 1) }));
  for (const { name, content } of files) await writeFile(join(root, 'source/in', name), content);
  const definition = aDefinition({ verification: 'read-back', disposition: archived, concurrency: 3 });
  const { delivered } = await run({ definition });
  expect(delivered).toBe(names.length);
  for (const side of ['target/out', 'source/done']) {
    expect((await readdir(join(root, side))).sort()).toEqual([...names].sort());
    for (const { name, content } of files)
      expect(sha256(await readFile(join(root, side, name)))).toBe(sha256(content));
  }
  expect(await readdir(join(root, 'source/in'))).toEqual([]);
});

it('continues a file that was cut off', async () => {
  const content = someBytes(8 * MEBIBYTE + 3);
  await writeFile(join(root, 'source/in/big'), content);
  const journal = new MemoryJournal();
  const definition = aDefinition();
  const input = { journal, definition, checkpointEveryBytes: MEBIBYTE };
  const cut: Fault = { on: 'put', effect: { kind: 'loses-connection', afterBytes: 5 * MEBIBYTE } };
  const broken = run({ ...input, target: faulty(target, [cut]) });
  await expect(broken).rejects.toMatchObject({ code: 'connection-lost' });
  expect(await run(input)).toMatchObject({ state: 'succeeded', bytes: content.length });
  expect(journal.steps.filter((step) => step.startsWith('moving'))).toHaveLength(2);
  expect(journal.steps.find((step) => /^moving in\/big [1-9]/.test(step))).toBeDefined();
  expect(sha256(await readFile(join(root, 'target/out/big')))).toBe(sha256(content));
  expect(await readdir(join(root, 'target/out'))).toEqual(['big']);
});

it.each(['skip', 'fail'] as const)('leaves the target its file under the rule "%s"', async (conflict) => {
  await writeFile(join(root, 'source/in/a'), 'ours');
  await mkdir(join(root, 'target/out'));
  await writeFile(join(root, 'target/out/a'), 'theirs');
  const outcome = await run({ definition: aDefinition({ conflict }) }).catch((error: unknown) => error);
  expect(outcome).toMatchObject(conflict === 'skip' ? { skipped: 1 } : { code: 'already-exists' });
  expect(await readFile(join(root, 'target/out/a'), 'utf8')).toBe('theirs');
  expect(await readdir(join(root, 'target/out'))).toEqual(['a']);
});
