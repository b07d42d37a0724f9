import { parsePath } from '@waybill/domain';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeEndpoint } from './conformance.js';
import { faulty } from './faulty-endpoint.js';
import { openMemoryEndpoint } from './memory-endpoint.js';
import { handClock } from './testing/hand-clock.js';
import { Throttle } from './throttle.js';
import { throttled } from './throttled-endpoint.js';

const path = parsePath('a');
const KiB = 1_024;
const { signal } = new AbortController();

/** Reads as fast as it may; counts. */
function reader(body: AsyncIterable<Uint8Array>) {
  const seen = { bytes: 0, pieces: [] as number[], ended: false, error: undefined as unknown };
  const work = (async () => {
    for await (const chunk of body) {
      seen.bytes += chunk.length;
      seen.pieces.push(chunk.length);
    }
    seen.ended = true;
  })().catch((error: unknown) => {
    seen.error = error;
  });
  return { seen, work };
}

async function* chunks(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(size).fill(i);
}

function place(rate: number | undefined) {
  const clock = handClock();
  const throttle = new Throttle(clock);
  throttle.rate = rate;
  const inner = openMemoryEndpoint();
  return { clock, throttle, inner, endpoint: throttled(inner, throttle) };
}

describeEndpoint('a throttled memory endpoint', async () => {
  const inner = openMemoryEndpoint({ hash: true });
  const throttle = new Throttle();
  throttle.rate = 256 * 1_024 * KiB;
  const endpoint = throttled(inner, throttle);
  return {
    endpoint,
    seed: async (given, content) => inner.seed(given, content),
    tellsHashes: true,
    close: async () => await endpoint[Symbol.asyncDispose](),
  };
});

describe('a throttled endpoint', () => {
  it('lets in any span of time no more pass than the rate, plus one piece, whatever the lanes and chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 8 * KiB, max: 4_096 * KiB }),
        fc.array(fc.integer({ min: 1, max: 200 * KiB }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 2, maxLength: 8 }),
        async (rate, sizes, steps) => {
          const { clock, throttle, inner, endpoint } = place(rate);
          const lanes = sizes.map((size, i) => {
            const name = parsePath(`f${i}`);
            inner.seed(name, new Uint8Array(size * 20), new Date());
            return reader(endpoint.read(name, { signal })).seen;
          });
          const samples = [{ at: 0, bytes: 0 }];
          for (const ms of steps) {
            await clock.forward(ms);
            samples.push({ at: clock.now(), bytes: lanes.reduce((sum, { bytes }) => sum + bytes, 0) });
          }
          for (const [i, from] of samples.entries())
            for (const to of samples.slice(i + 1))
              expect(to.bytes - from.bytes).toBeLessThanOrEqual(
                (rate * (to.at - from.at)) / 1_000 + throttle.pieceBytes + 1,
              );
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  it('uses the rate up, in pieces of 64 KiB at most', async () => {
    const { clock, inner, endpoint } = place(1_024 * KiB);
    inner.seed(path, new Uint8Array(8 * 1_024 * KiB), new Date());
    const { seen } = reader(endpoint.read(path, { signal }));
    await clock.forward(4_000);
    expect(seen.bytes).toBeGreaterThan(3.9 * 1_024 * KiB);
    expect(Math.max(...seen.pieces)).toBe(64 * KiB);
    await clock.forward(4_100);
    expect(seen).toMatchObject({ ended: true, bytes: 8 * 1_024 * KiB });
  });

  it('is fair between lanes: a file of large chunks and one of small ones go as fast', async () => {
    const { clock, throttle } = place(256 * KiB);
    const endpoint = throttled(openMemoryEndpoint(), throttle);
    const lanes = [chunks(100, 1_024 * KiB), chunks(10_000, 32 * KiB)].map((body, i) => {
      const sent = { bytes: 0 };
      const counted = (async function* () {
        for await (const chunk of body) {
          yield chunk;
          sent.bytes += chunk.length;
        }
      })();
      void endpoint.put(parsePath(`f${i}`), counted, { signal }).catch(() => {});
      return sent;
    });
    await clock.forward(60_000);
    const [large, small] = lanes.map(({ bytes }) => bytes) as [number, number];
    expect(Math.abs(large - small)).toBeLessThanOrEqual(1_024 * KiB);
  });

  it('changes its pace in the middle of a wait', async () => {
    const { clock, throttle, inner, endpoint } = place(KiB);
    inner.seed(path, new Uint8Array(1_024 * KiB), new Date());
    const { seen } = reader(endpoint.read(path, { signal }));
    await clock.forward(1_000);
    expect(seen.bytes).toBeLessThanOrEqual(2 * KiB);
    throttle.rate = 512 * KiB;
    await clock.forward(1_000);
    expect(seen.bytes).toBeGreaterThan(400 * KiB);
    throttle.rate = undefined;
    await clock.forward(0);
    expect(seen.ended).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('takes no more from the source than it may pass on: one chunk ahead', async () => {
    const { clock, throttle } = place(64 * KiB);
    let taken = 0;
    const source = (async function* () {
      for (;;) {
        taken += 32 * KiB;
        yield new Uint8Array(32 * KiB);
      }
    })();
    const stop = new AbortController();
    const put = throttled(openMemoryEndpoint(), throttle).put(path, source, { signal: stop.signal });
    put.catch(() => {});
    await clock.forward(10_000);
    expect(taken).toBeLessThanOrEqual(10 * 64 * KiB + 64 * KiB);
    stop.abort(new Error('enough'));
    await expect(put).rejects.toThrow('enough');
  });

  it('ends a wait when it is aborted, closes what it read, and lets the others go on', async () => {
    const { clock, throttle } = place(KiB);
    const stop = new AbortController();
    let closed = false;
    const endless = (async function* () {
      try {
        for (;;) yield new Uint8Array(100 * KiB);
      } finally {
        closed = true;
      }
    })();
    const inner = { ...openMemoryEndpoint(), read: () => endless } as unknown as ReturnType<
      typeof openMemoryEndpoint
    >;
    const aborted = reader(throttled(inner, throttle).read(path, { signal: stop.signal }));
    const other = throttle.pass(KiB, signal);
    stop.abort(new Error('stopped'));
    await aborted.work;
    expect(aborted.seen.error).toEqual(new Error('stopped'));
    expect(closed).toBe(true);
    await clock.forward(1_000);
    await other;
    await expect(throttle.pass(1, stop.signal)).rejects.toThrow('stopped');
  });

  it('hands on the very chunks while there is no limit', async () => {
    const given = [new Uint8Array(300 * KiB), new Uint8Array(1)];
    const { throttle } = place(undefined);
    const inner = openMemoryEndpoint();
    const endpoint = throttled(
      Object.assign(Object.create(inner), {
        read: async function* () {
          yield* given;
        },
      }),
      throttle,
    );
    const got: Uint8Array[] = [];
    for await (const chunk of endpoint.read(path, { signal })) got.push(chunk);
    expect(got).toHaveLength(2);
    for (const [i, chunk] of got.entries()) expect(chunk).toBe(given[i]);
  });

  it('has the optional operations of what it wraps, and no others', async () => {
    const plain = throttled(openMemoryEndpoint(), new Throttle());
    expect(plain.hash).toBeUndefined();
    const inner = Object.assign(faulty(openMemoryEndpoint(), []), {
      hash: async () => ({ kind: 'untold', why: 'as a test' }) as const,
    });
    const endpoint = throttled(inner, new Throttle());
    expect(await endpoint.hash?.(path, { signal })).toEqual({ kind: 'untold', why: 'as a test' });
    await endpoint.recover?.(path, { signal });
    expect(endpoint.recover).toBeDefined();
  });
});
