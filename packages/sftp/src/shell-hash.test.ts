import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashCommand, quoted, readHashOutput } from './shell-hash.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'waybill-shell-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const sh = (command: string) => spawnSync('sh', ['-c', command], { encoding: 'utf8', cwd: directory });
const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');

/** Rich in what means something to a shell. */
const hostile = fc.oneof(
  fc.string({ unit: fc.constantFrom(...`'"\\\`$();&|<>*?[]{}#!~ \t\n-=%a`), maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0')),
);

describe('a quoted word', () => {
  it('reaches a program of a real shell as it is, and nothing else is run', () => {
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 50 }), (texts) => {
        const { stdout, stderr } = sh(`printf '%s\\0' ${texts.map(quoted).join(' ')}`);
        expect({ words: stdout.split('\0').slice(0, -1), stderr }).toEqual({ words: texts, stderr: '' });
      }),
      { numRuns: 60 },
    );
  });
});

describe('the command', () => {
  it.each([
    'plain.csv',
    '-',
    '--help',
    `it's "$HOME" \`id\` $(id) ; touch broken`,
    'back\\slash',
    '*',
    'Überweisung 📦.csv',
  ])('prints the hash of a file named %j, and that of a prefix', (name) => {
    writeFileSync(join(directory, name), `content of ${name}`);
    expect(readHashOutput(sh(hashCommand(name)).stdout)).toBe(sha256(`content of ${name}`));
    expect(readHashOutput(sh(hashCommand(name, 3)).stdout)).toBe(sha256('con'));
  });

  it('prints none where there is no file', () => {
    const { stdout, status } = sh(hashCommand('nothing'));
    expect(readHashOutput(stdout)).toBeUndefined();
    expect(status).not.toBe(0);
  });
});

describe('what is printed', () => {
  const hash = sha256('x');

  it.each([`${hash}  -\n`, `${hash} *-\n`, `${hash}\n`, `${hash}  -\r\n`])('%j is a hash', (output) => {
    expect(readHashOutput(output)).toBe(hash);
  });

  it.each([
    '',
    hash,
    `${hash.slice(1)}  -\n`,
    `${hash.toUpperCase()}  -\n`,
    `Welcome!\n${hash}  -\n`,
    `${hash}  -\n${hash}  -\n`,
    `${hash}  /etc/passwd\n`,
  ])('%j is none', (output) => {
    expect(readHashOutput(output)).toBeUndefined();
  });
});
