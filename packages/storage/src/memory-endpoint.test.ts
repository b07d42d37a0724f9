import { parsePath, rootPath } from '@waybill/domain';
import { describe, expect, it } from 'vitest';
import { describeEndpoint } from './conformance.js';
import type { ListEntry } from './endpoint.js';
import { openMemoryEndpoint } from './memory-endpoint.js';

describe.each([{}, { hash: true } as const])('with %j', (options) => {
  describeEndpoint('the memory endpoint', async () => {
    const endpoint = openMemoryEndpoint(options);
    return {
      endpoint,
      seed: async (path, content) => endpoint.seed(path, content),
      tellsHashes: endpoint.hash !== undefined,
      close: () => endpoint[Symbol.asyncDispose](),
    };
  });
});

const { signal } = new AbortController();

it('a seeded file whose name no path can hold is listed as refused', async () => {
  const endpoint = openMemoryEndpoint();
  endpoint.seed('line\nbreak', 'x');
  const entries: ListEntry[] = [];
  for await (const entry of endpoint.list(rootPath, { signal })) entries.push(entry);
  expect(entries).toEqual([
    { kind: 'refused', name: 'line\nbreak', reason: 'the name holds the control character \\n' },
  ]);
});

it('endpoints share nothing, and tests can look at the files and set their times', () => {
  const [one, other] = [openMemoryEndpoint(), openMemoryEndpoint({ label: 'memory:///other' })];
  one.seed('in/a', 'content', new Date(5));
  one.setModifiedAt('in/a', new Date(7));
  expect(one.paths()).toEqual(['in/a']);
  expect(one.content('in/a')?.toString()).toBe('content');
  expect(other.paths()).toEqual([]);
  expect(other.content('in/a')).toBeUndefined();
});

it('a name that makes its path too long is listed as refused', async () => {
  const endpoint = openMemoryEndpoint();
  const directory = parsePath(Array(16).fill('x'.repeat(255)).join('/'));
  endpoint.seed(`${directory}/y`, 'x');
  const entries: ListEntry[] = [];
  for await (const entry of endpoint.list(directory, { signal })) entries.push(entry);
  expect(entries).toEqual([
    { kind: 'refused', name: 'y', reason: expect.stringMatching(/longer than 4096 bytes/) },
  ]);
});
