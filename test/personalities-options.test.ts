import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { parsePath, type TransferDefinition } from '@waybill/domain';
import type { PartNaming } from '@waybill/domain/naming';
import type { MemoryEndpoint } from '@waybill/storage';
import { afterEach, describe, expect, it } from 'vitest';
import type { MemoryJournal } from '../packages/transfer/src/testing/memory-journal.js';
import { MemoryLedger } from '../packages/transfer/src/testing/memory-ledger.js';
import { salting, unsalted } from '../packages/transfer/src/testing/salted.js';
import { aDefinition, type DefinitionChange, someBytes } from '../packages/transfer/src/testing/world.js';
import { Cleanup } from './support/cleanup.js';
import { type PartnerExchange, startPull, startPush } from './support/partner-exchange.js';

/*
 * Every option that a partner's server could break, with every server that could break it. Whatever becomes of the run:
 * what has a final name is whole, what is called delivered is there, nothing is lost, a set is whole when its control file
 * comes, and a run that succeeds leaves nothing under names of ours.
 */

const cleanup = new Cleanup();
afterEach(() => cleanup[Symbol.asyncDispose]());

const files = {
  'a.bin': someBytes(100_001),
  'b.csv': Buffer.from('1;2'),
  'last.ctl': Buffer.from('a.bin b.csv'),
};
const names = Object.keys(files) as (keyof typeof files)[];
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
const checksumFile = { name: '{name}.sha256', algorithm: 'sha256' } as const;

interface Option extends DefinitionChange {
  readonly partNaming?: PartNaming;
  /** What else the definition says of its sides. */
  readonly sides?: { readonly source?: object; readonly target?: object };
  /** Beside the files at the source. */
  readonly beside?: (name: string, content: Uint8Array) => Record<string, Buffer>;
}

const remove = { disposition: { kind: 'delete' } } as const;
const done = (name: string): Record<string, Buffer> => ({ [`${name}.done`]: Buffer.from('') });

const ofBoth: Record<string, Option> = {
  'nothing more': remove,
  'a set': { ...remove, set: { controlFile: '*.ctl' }, concurrency: 3 },
  transforms: { ...remove, transforms: [{ kind: 'openpgp-encrypt', recipients: ['acme'] }] },
  'done-files that are moved along': {
    ...{ ...remove, selection: { settleMs: 0, doneFile: { name: '{name}.done', afterwards: 'move' } } },
    ...{ exclude: ['*.done'], beside: done },
  },
};

const ofPush: Record<string, Option> = {
  ...ofBoth,
  'the rule rename': { ...remove, conflict: 'rename' },
  'written checksum files': { ...remove, sides: { target: { checksumFile } } },
  'part files by a suffix': { ...remove, partNaming: { kind: 'suffix', suffix: '.part' } },
  'part files in a directory, and a mode': {
    ...{ ...remove, partNaming: { kind: 'directory', directory: parsePath('parts') } },
    sides: { target: { mode: '0640' } },
  },
  'reading back': { ...remove, verification: 'read-back' },
};

const ofPull: Record<string, Option> = {
  ...ofBoth,
  'a claim': { ...remove, claim: { suffix: '.mine' } },
  'a claim into a directory': { disposition: { kind: 'keep' }, claim: { directory: parsePath('mine') } },
  'an archive': { disposition: { kind: 'archive', directory: parsePath('archive') } },
  'required checksum files': {
    ...{ ...remove, sides: { source: { checksumFile } } },
    beside: (name, content) => ({ [`${name}.sha256`]: Buffer.from(sha256(content)) }),
  },
  'new files only': { selection: { settleMs: 0, onlyNew: true } },
};

const breakPushes = [
  ...['windows-openssh', 'cut-writes=4096', 'disk-full=60000', 'full-at-close', 'vanishes-on-close'],
  ...['rename-reply-lost', 'rename-will-not-overwrite', 'no-rename', 'failure-for-all', 'stat-denied'],
  ...['write-only', 'setstat-denied', 'mkdir-race', 'lying-size', 'mtime-in-minutes', 'clock-off'],
  ...['cut-after=150000', 'silent-after=150000', 'no-second-channel'],
];
/** Files that change while they are read are other files by the next attempt: see personalities.test.ts. */
const breakPulls = [
  ...['read-once', 'rename-reply-lost', 'rename-will-not-overwrite'],
  ...['no-rename', 'failure-for-all', 'stat-denied', 'setstat-denied', 'mkdir-race', 'lying-size'],
  ...['mtime-in-minutes', 'clock-off', 'cut-after=150000', 'silent-after=150000', 'slow-listing=50'],
  ...['hostile-names', 'no-second-channel'],
];

function definitionOf({ sides = {}, beside: _, partNaming: _of, ...change }: Option): TransferDefinition {
  const definition = aDefinition(change);
  return {
    ...definition,
    source: { ...definition.source, ...sides.source },
    target: { ...definition.target, ...sides.target },
  };
}

function atSource({ beside = () => ({}) }: Option): Record<string, Uint8Array> {
  const all = names.map((name) => ({ [name]: files[name], ...beside(name, files[name]) }));
  return Object.assign({}, ...all);
}

/** Attempts until the run is over, or would be held. @returns whether it succeeded */
async function runToItsEnd({ attempt, journal }: PartnerExchange, option: Option): Promise<boolean> {
  const definition = definitionOf(option);
  const ledger = new MemoryLedger().of(journal);
  for (let left = 8; left > 0; left--)
    try {
      const input = { definition, openTransforms: salting(), ledger, lastAttempt: left === 1 };
      return (await attempt(input)).state === 'succeeded';
    } catch (error) {
      if ((error as { code?: string }).code === 'outcome-unknown') return false;
      expect(error).toMatchObject({ name: 'StorageError' });
    }
  return false;
}

async function onDisk(root: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      paths.map(async (path) => [path.slice(root.length + 1), await readFile(path)] as const),
    ),
  );
}

const inMemory = (endpoint: MemoryEndpoint) =>
  new Map(endpoint.paths().map((path) => [path as string, endpoint.content(path) ?? Buffer.of()]));

interface Outcome {
  readonly source: ReadonlyMap<string, Buffer>;
  readonly target: ReadonlyMap<string, Buffer>;
  readonly journal: MemoryJournal;
  readonly succeeded: boolean;
}

function expectKept({ source, target, journal, succeeded }: Outcome, option: Option, personality: string) {
  const plain = (content: Buffer) => (option.transforms ? (unsalted(content) ?? content) : content);
  const finalNames = (name: string) => {
    const changed = option.transforms ? `${name}.pgp` : name;
    const { name: stem, ext } = posix.parse(changed);
    return [`out/${changed}`, `out/${stem} (1)${ext}`];
  };
  const arrived = names.filter((name) =>
    finalNames(name).some((path) => {
      const content = target.get(path);
      if (content) expect(plain(content).equals(files[name]), `${path} is whole`).toBe(true);
      return content !== undefined;
    }),
  );
  const records = [...journal.records.values()];
  for (const { sourcePath, state } of records.filter(({ sourcePath }) =>
    names.some((name) => sourcePath === `in/${name}`),
  ))
    if (state === 'delivered' && personality !== 'vanishes-on-close')
      expect(arrived, `${sourcePath} is called delivered`).toContain(posix.basename(sourcePath));
  const takesAway = ['read-once', 'vanishes-on-close'].includes(personality);
  for (const name of names.filter((one) => !arrived.includes(one) && !takesAway))
    expect(
      [...source].some(([, content]) => content.equals(files[name])),
      `${name} is not lost`,
    ).toBe(true);
  if (option.set && arrived.includes('last.ctl')) expect(arrived).toEqual(names);
  if (!succeeded) return;
  expect(arrived, 'a run that succeeds has delivered').toEqual(names);
  const litter = [...source.keys(), ...target.keys()].filter((path) => /waybill|\.part$|^parts\//.test(path));
  expect(litter, 'a run that succeeds leaves nothing of ours').toEqual([]);
}

describe.each(breakPushes)('a push to a server that is %s', (personality) => {
  it.each(Object.entries(ofPush))('with %s loses nothing', async (_, asked) => {
    // Holes in files of the right size are found by reading back alone.
    const option = personality.startsWith('cut-writes')
      ? { ...asked, verification: 'read-back' as const }
      : asked;
    const { partNaming } = option;
    const given = { files: atSource(option), operationTimeoutMs: 400, ...(partNaming && { partNaming }) };
    const push = await startPush(cleanup, [personality], given);
    const succeeded = await runToItsEnd(push, option);
    const { journal, partner, source } = push;
    const target = await onDisk(partner.disk('.'));
    expectKept({ source: inMemory(source), target, journal, succeeded }, option, personality);
  });
});

describe.each(breakPulls)('a pull from a server that is %s', (personality) => {
  it.each(Object.entries(ofPull))('with %s loses nothing', async (_, option) => {
    const pull = await startPull(cleanup, [personality], {
      files: atSource(option),
      operationTimeoutMs: 400,
    });
    const succeeded = await runToItsEnd(pull, option);
    const { journal, partner, target } = pull;
    const source = await onDisk(partner.disk('.'));
    expectKept({ source, target: inMemory(target), journal, succeeded }, option, personality);
  });
});
