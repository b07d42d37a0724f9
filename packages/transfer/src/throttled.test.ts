import { Throttle, throttled } from '@waybill/storage';
import { handClock } from '@waybill/storage/hand-clock';
import { expect, it } from 'vitest';
import { Crash, Crashed, CrashingEndpoint } from './testing/crash.js';
import { archived, aWorld, someBytes } from './testing/world.js';

const CHUNK = 64 * 1024;
const content = someBytes(3 * CHUNK + 17);

it('over throttled endpoints a crash at any step costs no file, doubles none and leaves nothing over', async () => {
  let step = 1;
  for (; ; step++) {
    const world = aWorld({ a: content }, { disposition: archived, verification: 'read-back' });
    const clock = handClock();
    const slow = (endpoint: CrashingEndpoint) => {
      const throttle = new Throttle(clock);
      throttle.rate = 4 * CHUNK;
      return throttled(endpoint, throttle);
    };
    const [source, target] = [new CrashingEndpoint(world.source), new CrashingEndpoint(world.target)];
    const attempt = async () => {
      let ended = false;
      const ends = { source: slow(source), target: slow(target), checkpointEveryBytes: CHUNK };
      const work = world.run(ends).finally(() => {
        ended = true;
      });
      work.catch(() => {});
      while (!ended) await clock.forward(200);
      return await work;
    };
    const crash = new Crash(step);
    for (const part of [source, target, world.journal]) part.crash = crash;
    const first = await attempt().catch((error: unknown) => {
      if (error instanceof Crashed) return 'crashed';
      throw error;
    });
    for (const part of [source, target, world.journal]) part.crash = undefined;
    if (first === 'crashed') expect(await attempt()).toMatchObject({ state: 'succeeded' });
    expect(world.target.paths(), `step ${step}`).toEqual(['out/a']);
    expect(world.target.content('out/a')?.equals(content), `step ${step}`).toBe(true);
    expect(world.source.paths(), `step ${step}`).toEqual(['done/a']);
    if (first !== 'crashed') break;
  }
  expect(step).toBeGreaterThan(10);
}, 60_000);
