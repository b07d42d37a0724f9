import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Names and sizes that real exchanges have, and that programs trip over. */
const SAMPLES = [
  ['empty.csv', 0],
  ['one byte.csv', 1],
  ['2026-03-01.csv', 70 * KIB + 7],
  ['Überweisungen März – 全部.csv', 3 * MIB],
  ['-starts-with-a-dash.csv', 255 * KIB],
  ['archive.tar', 64 * MIB],
];

/** Writes random files into a new directory. */
export async function writeSamples(directory) {
  await mkdir(directory, { recursive: true });
  const chunk = Buffer.alloc(MIB);
  for (const [name, size] of SAMPLES) {
    const file = await open(path.join(directory, name), 'wx');
    for (let left = size; left > 0; left -= MIB)
      await file.write(randomFillSync(chunk), 0, Math.min(left, MIB));
    await file.close();
  }
}

/** What is different between two directories, a line each; names, sizes and SHA-256 are compared. */
export async function differences(source, target) {
  const [sent, arrived] = [await hashAll(source), await hashAll(target)];
  const names = new Set([...sent.keys(), ...arrived.keys()]);
  return [...names]
    .filter((name) => sent.get(name) !== arrived.get(name))
    .map(
      (name) =>
        `${name}: ${sent.get(name) ?? 'missing'} in ${source}, ${arrived.get(name) ?? 'missing'} in ${target}`,
    );
}

async function hashAll(directory) {
  const hashes = new Map();
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path.join(directory, entry.name)), hash);
    hashes.set(entry.name, hash.digest('hex'));
  }
  return hashes;
}
