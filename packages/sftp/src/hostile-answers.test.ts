import { baseName, joinPath, parentOf, parsePath, type RemotePath, whyNameRefused } from '@waybill/domain';
import { type ListEntry, StorageError } from '@waybill/storage';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HashTeller } from './remote-hash.js';
import { SftpEndpoint } from './sftp-endpoint.js';
import { strategyFor } from './strategy.js';
import { type Answers, answeringSession } from './testing/answering-session.js';
import type { Attributes, Named } from './wire/messages.js';
import { Channels } from './write-lanes.js';

const { signal } = new AbortController();
const directory = parsePath('in/box');

/** What servers have tried, and any other string, lone surrogates included. */
const names = fc.oneof(
  fc.constantFrom('.', '..', '', '/', '../x', '/etc/passwd', 'a/../../b', '..\\x', 'a\0b', 'a\nb', '\uFFFD'),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 })
    .map((units) => String.fromCharCode(...units)),
);
const numbers = fc.option(
  fc.oneof(fc.nat(), fc.integer(), fc.double(), fc.constantFrom(2 ** 32, 2 ** 53, 2 ** 63)),
  { nil: undefined },
);
const modes = fc.option(
  fc.oneof(fc.constantFrom(0o100644, 0o040755, 0o120777, 0), fc.nat({ max: 0xffff_ffff })),
  { nil: undefined },
);
const attributes = fc.record({
  mode: modes,
  size: numbers,
  mtime: numbers,
}) as unknown as fc.Arbitrary<Attributes>;
const entries = fc.record({
  filename: names,
  longname: fc.string({ maxLength: 20 }),
  attributes,
  utf8: fc.boolean(),
}) as unknown as fc.Arbitrary<Named>;

function endpointOn(answers: Answers, extensions: string[] = []) {
  const { session, asked } = answeringSession(answers, extensions);
  const strategy = strategyFor(session.abilities, {});
  const hashes = new HashTeller(session, 'off', () => {});
  const channels = new Channels(session, 1, () => {});
  return { endpoint: new SftpEndpoint(session, { strategy, channels, hashes, root: '/home/acme' }), asked };
}

/** As a server would send it, in any number of answers; names may come twice. */
function listingOf(batches: readonly Named[][], looked: Attributes): Answers {
  const rest = [...batches];
  return {
    openDirectory: () => Buffer.from('h'),
    readDirectory: () => rest.shift(),
    lstat: () => looked,
  };
}

it('whatever a listing says, each entry is a safe name in its directory, or is refused by its name', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(entries)), attributes, async (batches, looked) => {
      const { endpoint } = endpointOn(listingOf(batches, looked));
      const found: ListEntry[] = [];
      for await (const entry of endpoint.list(directory, { signal })) found.push(entry);
      const told = batches
        .flat()
        .map(({ filename }) => filename)
        .filter((name) => name !== '.' && name !== '..');
      expect(found.map((entry) => ('name' in entry ? entry.name : baseName(entry.path)))).toEqual(told);
      for (const entry of found) {
        if (entry.kind === 'refused') {
          expect(entry.reason).not.toBe('');
          continue;
        }
        expect(whyNameRefused(baseName(entry.path))).toBeUndefined();
        expect(parentOf(entry.path)).toBe(directory);
        if (entry.kind !== 'file') continue;
        expect(Number.isSafeInteger(entry.size) && entry.size >= 0).toBe(true);
        expect(Number.isNaN(entry.modifiedAt.getTime())).toBe(false);
      }
    }),
    { numRuns: 50 },
  );
});

it('whatever a look says, it is a file that can be believed or a StorageError', async () => {
  await fc.assert(
    fc.asyncProperty(attributes, async (looked) => {
      const { endpoint } = endpointOn({ lstat: () => looked });
      const found = await endpoint
        .stat(joinPath(directory, 'a'), { signal })
        .catch((error: unknown) => error);
      if (found instanceof StorageError) expect(['not-found', 'protocol-error']).toContain(found.code);
      else expect(found).toMatchObject({ path: 'in/box/a', size: looked.size });
    }),
  );
});

it('whatever a name out of a listing is, no request leads out of the root', async () => {
  await fc.assert(
    fc.asyncProperty(names, names, attributes, async (one, two, looked) => {
      const paths = [one, two].filter((name) => whyNameRefused(name) === undefined);
      for (const name of paths) {
        const path = joinPath(directory, name);
        for (const answers of [{}, { lstat: () => looked }]) {
          const { endpoint, asked } = endpointOn(answers);
          await tryEverything(endpoint, path);
          for (const sent of asked.flatMap((request) => request.paths)) expect(isBelowRoot(sent)).toBe(true);
        }
      }
    }),
    { numRuns: 25 },
  );
});

async function tryEverything(endpoint: SftpEndpoint, path: RemotePath): Promise<void> {
  async function* body() {
    yield Buffer.from('x');
  }
  const works = [
    () => endpoint.stat(path, { signal }),
    () => endpoint.read(path, { signal }).next(),
    () => endpoint.put(path, body(), { signal }),
    () => endpoint.move(path, parsePath('out/x'), { signal, replace: false }),
    () => endpoint.move(parsePath('out/x'), path, { signal, replace: true }),
    () => endpoint.recover(path, { signal }),
    () => endpoint.remove(path, { signal }),
    () => endpoint.makeDirectory(path, { signal }),
    () => endpoint.list(path, { signal }).next(),
  ];
  for (const work of works)
    await work().catch((error: unknown) => expect(error).toBeInstanceOf(StorageError));
}

/** `/home` and `/` are listed where a server answers 4 to every look: is the root itself there? */
function isBelowRoot(path: string): boolean {
  if (['/', '/home', '/home/acme'].includes(path)) return true;
  return path.startsWith('/home/acme/') && !path.split('/').includes('..') && !path.includes('\0');
}

it('an error that the body throws is no answer of this server, even if it is one of another', async () => {
  const { endpoint, asked } = endpointOn({ open: () => Buffer.from('h'), fsetstat: () => {} } as Answers);
  const thrown = new StorageError('unknown', 'cannot read /a on another server', {
    cause: Object.assign(new Error('Failure'), { code: 4 }),
  });
  const body: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(thrown) }),
  };
  await expect(endpoint.put(joinPath(directory, 'a'), body, { signal })).rejects.toBe(thrown);
  expect(asked.map(({ method }) => method)).not.toContain('lstat');
});
