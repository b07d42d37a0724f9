import { parsePath } from '@waybill/domain';
import { expect, it } from 'vitest';
import { describeEndpoint } from './conformance.js';
import { type Fault, faulty } from './faulty-endpoint.js';
import { openMemoryEndpoint } from './memory-endpoint.js';
import { StorageError } from './storage-error.js';

describeEndpoint('the faulty endpoint with nothing planned', async () => {
  const endpoint = faulty(openMemoryEndpoint(), []);
  return { endpoint, close: () => endpoint[Symbol.asyncDispose]() };
});

const { signal } = new AbortController();
const a = parsePath('a');
const lost = { name: 'StorageError', code: 'connection-lost' };

function planned(...plan: Fault[]) {
  const memory = openMemoryEndpoint();
  memory.seed('a', '0123456789');
  return { memory, endpoint: faulty(memory, plan) };
}

it('the call that was named fails with the error that was given, and no other', async () => {
  const error = new StorageError('no-space', 'full');
  const { endpoint, memory } = planned({ on: 'put', path: 'b', call: 2, effect: { kind: 'fails', error } });
  await endpoint.put(a, sent('x'), { signal });
  await endpoint.put(parsePath('b'), sent('first'), { signal });
  await expect(endpoint.put(parsePath('b'), sent('second'), { signal })).rejects.toBe(error);
  await endpoint.put(parsePath('b'), sent('third'), { signal });
  expect(memory.content('b')?.toString()).toBe('third');
  expect(endpoint.calls.map(({ operation, path }) => `${operation} ${path}`)).toEqual([
    'put a',
    'put b',
    'put b',
    'put b',
  ]);
});

it('a lasting fault fails every call', async () => {
  const error = new StorageError('timed-out', 'silent');
  const { endpoint } = planned({ on: 'stat', call: 'every', effect: { kind: 'fails', error } });
  await expect(endpoint.stat(a, { signal })).rejects.toBe(error);
  await expect(endpoint.stat(a, { signal })).rejects.toBe(error);
});

it('a connection that is lost in a put leaves what has arrived', async () => {
  const { endpoint, memory } = planned({ on: 'put', effect: { kind: 'loses-connection', afterBytes: 4 } });
  await expect(endpoint.put(a, sent('abc', 'def'), { signal })).rejects.toMatchObject(lost);
  expect(memory.content('a')?.toString()).toBe('abcd');
});

it('a connection that is lost in a read has given what came before', async () => {
  const { endpoint } = planned({ on: 'read', effect: { kind: 'loses-connection', afterBytes: 4 } });
  const chunks: string[] = [];
  const reading = (async () => {
    for await (const chunk of endpoint.read(a, { signal })) chunks.push(Buffer.from(chunk).toString());
  })();
  await expect(reading).rejects.toMatchObject(lost);
  expect(chunks).toEqual(['0123']);
});

it('a lost reply comes after the operation took effect', async () => {
  const { endpoint, memory } = planned({ on: 'move', effect: { kind: 'loses-reply' } });
  const moving = endpoint.move(a, parsePath('b'), { signal, replace: false });
  await expect(moving).rejects.toMatchObject(lost);
  expect(memory.paths()).toEqual(['b']);
});

it('a short count is reported as a success', async () => {
  const { endpoint, memory } = planned(
    { on: 'read', effect: { kind: 'ends-short', afterBytes: 3 } },
    { on: 'put', effect: { kind: 'ends-short', afterBytes: 0 } },
  );
  expect(await text(endpoint.read(a, { signal }))).toBe('012');
  expect(await endpoint.put(a, sent('abc'), { signal })).toMatchObject({ size: 0 });
  expect(memory.content('a')).toHaveLength(0);
});

it('an altered byte changes nothing else', async () => {
  const { endpoint, memory } = planned({ on: 'put', effect: { kind: 'alters-byte', at: 4 } });
  await endpoint.put(a, sent('abc', 'def'), { signal });
  expect(memory.content('a')?.toString()).toBe('abcddf');
});

it('a stall lasts until it is aborted, and keeps what came before it', async () => {
  const { endpoint, memory } = planned(
    { on: 'list', effect: { kind: 'stalls' } },
    { on: 'put', effect: { kind: 'stalls', afterBytes: 2 } },
  );
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 20);
  const listing = endpoint.list(parsePath(''), { signal: controller.signal }).next();
  const putting = endpoint.put(a, sent('abcd'), { signal: controller.signal });
  expect(await Promise.allSettled([listing, putting])).toEqual([
    { status: 'rejected', reason },
    { status: 'rejected', reason },
  ]);
  expect(memory.content('a')?.toString()).toBe('ab');
});

async function* sent(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
