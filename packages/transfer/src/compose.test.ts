import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Disposition, SourceClaim, TransferDefinition } from '@waybill/domain';
import { parsePath } from '@waybill/domain';
import type { PartNaming } from '@waybill/domain/naming';
import { type StorageEndpoint, StorageError } from '@waybill/storage';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Crash, CrashingEndpoint } from './testing/crash.js';
import { MemoryJournal } from './testing/memory-journal.js';
import { MemoryLedger } from './testing/memory-ledger.js';
import { salting, unsalted } from './testing/salted.js';
import { archived, aWorld, seededAt } from './testing/world.js';

/*
 * Options compose: any of them with any others, over files that are fine, unreadable, wrong by their checksum files or in
 * the way of others, with a worker that dies at any step, end as a model of a screenful says.
 */

const names = ['a.csv', 'b.csv', 'sub/c.csv', 'last.ctl'];
const someOf = fc.subarray(names);
const drawn = fc.record({
  files: fc.subarray(names, { minLength: 1 }),
  unreadable: someOf,
  wrong: someOf,
  refused: someOf,
  taken: someOf,
  conflict: fc.constantFrom('replace', 'skip', 'fail', 'rename', 'append' as const),
  disposition: fc.constantFrom<Disposition>({ kind: 'keep' }, { kind: 'delete' }, archived),
  claim: fc.constantFrom<SourceClaim | undefined>(
    undefined,
    { suffix: '.mine' },
    { directory: parsePath('mine') },
  ),
  set: fc.constantFrom<TransferDefinition['set']>(undefined, {}, { controlFile: '*.ctl' }),
  encrypted: fc.boolean(),
  required: fc.boolean(),
  written: fc.boolean(),
  answered: fc.constantFrom(undefined, 'keep', 'remove' as const),
  renamed: fc.boolean(),
  recursive: fc.constantFrom(undefined, 'mirror', 'flatten' as const),
  onlyNew: fc.boolean(),
  partNaming: fc.constantFrom<PartNaming | undefined>(
    undefined,
    { kind: 'suffix', suffix: '.part' },
    { kind: 'prefix', prefix: '~' },
    { kind: 'directory', directory: parsePath('parts') },
    { kind: 'none' },
  ),
  verification: fc.constantFrom('size', 'read-back' as const),
  concurrency: fc.integer({ min: 1, max: 3 }),
  diesAt: fc.option(fc.integer({ min: 1, max: 120 }), { nil: undefined }),
});
type Options = typeof drawn extends fc.Arbitrary<infer T> ? T : never;

/** What a definition may say together. */
const options = drawn.map((asked): Options => {
  if (asked.conflict !== 'append') return asked;
  const partNaming = asked.partNaming?.kind === 'none' ? undefined : asked.partNaming;
  return { ...asked, partNaming, set: undefined, encrypted: false, written: false };
});

/**
 * What is written in place can't wait for others. If the worker dies over it, an answer that comes before the next attempt
 * looks like an older one: a false alarm.
 */
const goTogether = ({ set, partNaming, answered, diesAt }: Options) =>
  partNaming?.kind !== 'none' || (!set && (!answered || diesAt === undefined));

const contentOf = (name: string) => `what is in ${name}`;
const sumOf = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function definitionOf(asked: Options): TransferDefinition {
  const { conflict, disposition, set, verification, concurrency, claim, recursive, onlyNew } = asked;
  const selection = { settleMs: 0, ...(recursive && { recursive }), ...(onlyNew && { onlyNew }) };
  const { definition } = aWorld({}, { selection, exclude: ['*.sha256'], ...(claim && { claim }) });
  const checksumFile = { name: '{name}.sha256', algorithm: 'sha256' } as const;
  return {
    ...{ ...definition, conflict, disposition, set, verification, concurrency },
    source: { ...definition.source, ...(asked.required && { exclude: [], checksumFile }) },
    target: {
      ...definition.target,
      ...(asked.renamed && { name: 'new-{name}' }),
      ...(asked.written && { checksumFile }),
      ...(asked.answered && { acknowledgement: { ...answers, afterwards: asked.answered } }),
    },
    ...(asked.encrypted && { transforms: [{ kind: 'openpgp-encrypt', recipients: ['acme'] }] }),
  };
}

const answers = { name: '{name}.ack', refusalName: '{name}.err', timeoutMs: 3_600_000 };

/** Where a file goes if its name is free. */
function targetOf(name: string, { recursive, renamed, encrypted }: Options): string {
  const directory = recursive === 'mirror' ? posix.dirname(name) : '';
  return posix.join(
    'out',
    directory,
    `${renamed ? 'new-' : ''}${posix.basename(name)}${encrypted ? '.pgp' : ''}`,
  );
}

/** The model: what arrives under which name. */
function arrivals(asked: Options): Map<string, string> {
  const { files, unreadable, wrong, taken, conflict, set, recursive, required } = asked;
  const selected = files.filter((name) => recursive || !name.includes('/'));
  if (set?.controlFile && !selected.includes('last.ctl')) return new Map();
  const fates = selected.map((name): [string, string | 'skipped' | 'failed'] => {
    const target = targetOf(name, asked);
    const isTaken = taken.includes(name);
    if (isTaken && conflict === 'skip') return [name, 'skipped'];
    if (isTaken && conflict === 'fail') return [name, 'failed'];
    if (unreadable.includes(name) || (required && wrong.includes(name))) return [name, 'failed'];
    const { dir, name: stem, ext } = posix.parse(target);
    return [name, isTaken && conflict === 'rename' ? `${dir}/${stem} (1)${ext}` : target];
  });
  if (set && fates.some(([, fate]) => fate === 'failed')) return new Map();
  return new Map(fates.filter(([, fate]) => fate !== 'skipped' && fate !== 'failed'));
}

/** Without part files, a file that is to be replaced is gone once the new one is begun, whatever becomes of that. */
function isOverwritten(name: string, asked: Options): boolean {
  const { files, conflict, partNaming, recursive } = asked;
  const isSelected = files.includes(name) && (recursive !== undefined || !name.includes('/'));
  return partNaming?.kind === 'none' && conflict === 'replace' && isSelected && !arrivals(asked).has(name);
}

function sourceAfter(asked: Options, arrived: ReadonlyMap<string, string>): string[] {
  const { files, required, disposition, answered, refused } = asked;
  return files
    .flatMap((name) => (required ? [name, `${name}.sha256`] : [name]).map((path) => ({ name, path })))
    .flatMap(({ name, path }) => {
      const stays = !arrived.has(name) || (answered !== undefined && refused.includes(name));
      if (stays || disposition.kind === 'keep') return [`in/${path}`];
      return disposition.kind === 'archive' ? [`done/${path}`] : [];
    })
    .sort();
}

function aPartner(asked: Options) {
  const world = aWorld({}, {}, asked.partNaming ? { partNaming: asked.partNaming } : {});
  for (const name of asked.files) {
    world.source.seed(`in/${name}`, contentOf(name), seededAt);
    const sum = sumOf(asked.wrong.includes(name) ? 'something else' : contentOf(name));
    if (asked.required) world.source.seed(`in/${name}.sha256`, sum, seededAt);
  }
  for (const name of asked.taken) world.target.seed(targetOf(name, asked), 'theirs', seededAt);
  return world;
}

/** Has the partner answer what it finds, each file once. */
function answering(asked: Options, { target }: ReturnType<typeof aWorld>) {
  const done = new Set<string>();
  return () => {
    for (const [name, path] of arrivals(asked)) {
      const there = target.content(path)?.toString();
      if (!asked.answered || there === undefined || there === 'theirs' || done.has(path)) continue;
      target.seed(`${path}.${asked.refused.includes(name) ? 'err' : 'ack'}`, '', seededAt);
      done.add(path);
    }
  };
}

/** Whatever name a file has while it is claimed. */
function refusingReads(source: CrashingEndpoint, unreadable: readonly string[]): StorageEndpoint {
  const read = source.read.bind(source);
  source.read = (path, readOptions) => {
    const name = posix.basename(path);
    const isChecksumFile = name.endsWith('.sha256');
    if (!isChecksumFile && unreadable.some((bad) => name.startsWith(posix.basename(bad))))
      throw new StorageError('permission-denied', `${path} may not be read`);
    return read(path, readOptions);
  };
  return source;
}

it('options that are drawn at random do together what each does alone', async () => {
  await fc.assert(
    fc.asyncProperty(options.filter(goTogether), async (asked) => {
      const world = aPartner(asked);
      const definition = definitionOf(asked);
      const ledger = new MemoryLedger();
      const target = new CrashingEndpoint(world.target);
      const crashing = new CrashingEndpoint(world.source);
      const source = refusingReads(crashing, asked.unreadable);
      const aRun = () => {
        const journal = new MemoryJournal(ledger);
        const input = { definition, source, target, journal, ledger: ledger.of(journal) };
        const attempt = () =>
          world.run({ ...input, openTransforms: salting() }).catch((error: unknown) => error as Error);
        return { journal, attempt };
      };

      const answer = answering(asked, world);
      const { journal, attempt } = aRun();
      if (asked.diesAt !== undefined) {
        const crash = new Crash(asked.diesAt);
        for (const part of [crashing, target, journal]) part.crash = crash;
        await attempt();
        for (const part of [crashing, target, journal]) part.crash = undefined;
        answer();
      }
      await attempt();
      if (asked.answered) {
        answer();
        await attempt();
      }
      ledger.isOver(journal);
      const arrived = arrivals(asked);
      expectArrived(asked, world, arrived);

      const effects = target.effects.length;
      if (asked.onlyNew && asked.disposition.kind === 'keep') await aRun().attempt();
      expect(target.effects.slice(effects).filter((effect) => effect.includes(' -> out/'))).toEqual([]);
    }),
    { numRuns: 600 },
  );
}, 60_000);

function expectArrived(
  asked: Options,
  { source, target }: ReturnType<typeof aWorld>,
  arrived: ReadonlyMap<string, string>,
): void {
  const theirs = asked.taken
    .filter((name) => !isOverwritten(name, asked))
    .map((name) => targetOf(name, asked));
  const ours = [...arrived.values()];
  const sums = asked.written ? ours.map((path) => `${path}.sha256`) : [];
  const { answered, refused } = asked;
  const answersLeft = [...arrived].flatMap(([name, path]) => {
    if (!answered) return [];
    if (refused.includes(name)) return [`${path}.err`];
    return answered === 'keep' ? [`${path}.ack`] : [];
  });
  expect(target.paths()).toEqual([...new Set([...theirs, ...ours, ...sums, ...answersLeft])].sort());
  for (const path of theirs.filter((one) => !ours.includes(one)))
    expect(target.content(path)?.toString()).toBe('theirs');
  for (const [name, path] of arrived) {
    const content = target.content(path);
    const before = asked.conflict === 'append' && theirs.includes(path) ? 'theirs' : '';
    expect((asked.encrypted ? unsalted(content) : content)?.toString()).toBe(before + contentOf(name));
    if (asked.written)
      expect(target.content(`${path}.sha256`)?.toString()).toBe(
        `${sumOf(content ?? '')}  ${posix.basename(path)}\n`,
      );
  }
  expect(source.paths()).toEqual(sourceAfter(asked, arrived));
}
