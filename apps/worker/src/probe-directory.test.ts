import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { probeDirectory } from './probe-directory.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'waybill-probe-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const never = new AbortController().signal;
const outcomes = ({ steps }: Awaited<ReturnType<typeof probeDirectory>>) =>
  steps.map(({ name, outcome }) => `${name} ${outcome}`);

it('finds a directory in order, and leaves it as it was', async () => {
  await writeFile(join(root, 'a'), 'ours');
  const report = await probeDirectory({ root }, never);
  expect(outcomes(report)).toEqual([
    'open passed',
    'list passed',
    'write passed',
    'read back passed',
    'rename passed',
    'remove passed',
    'free space passed',
  ]);
  expect(report.steps[1]?.detail).toBe('1 entry');
  expect(await readdir(root)).toEqual(['a']);
});

it('says which directory is not there, and tries nothing further', async () => {
  const missing = join(root, 'missing');
  const report = await probeDirectory({ root: missing }, never);
  expect(outcomes(report)).toEqual(['open failed']);
  expect(report.steps[0]?.detail).toContain(missing);
});

it('says that nothing may be written', async () => {
  // Not even root may, there.
  const report = await probeDirectory({ root: '/proc/sys/kernel' }, never);
  expect(outcomes(report)).toEqual(['open passed', 'list passed', 'write failed', 'free space passed']);
});

it('stops with the reason of its signal, and leaves nothing behind', async () => {
  const stop = new Error('the worker stops');
  await expect(probeDirectory({ root }, AbortSignal.abort(stop))).rejects.toBe(stop);
  expect(await readdir(root)).toEqual([]);
});
