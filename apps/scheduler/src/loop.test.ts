import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@waybill/telemetry';
import { afterEach, expect, it } from 'vitest';
import { type Loop, startLoop } from './loop.js';

const log = createLogger({ name: 'test', level: 'silent' });
let loop: Loop | undefined;
afterEach(() => loop?.close());

it('runs a step again and again, never twice at once', async () => {
  let running = 0;
  let most = 0;
  let rounds = 0;
  const run = async () => {
    most = Math.max(most, ++running);
    await sleep(20);
    running--;
    rounds++;
    return 1;
  };
  loop = startLoop([{ name: 'step', everyMs: 1_000, run }], log);
  for (let i = 0; i < 5; i++) {
    loop.poke();
    await sleep(5);
  }
  await sleep(100);
  expect(most).toBe(1);
  expect(rounds).toBeGreaterThanOrEqual(2);
});

it('goes on after a step has failed, with that step and with the others', async () => {
  const seen: string[] = [];
  const failing = async () => {
    seen.push('failing');
    throw new Error('the database is down');
  };
  const other = async () => {
    seen.push('other');
    return 0;
  };
  loop = startLoop(
    [
      { name: 'failing', everyMs: 1_000, run: failing },
      { name: 'other', everyMs: 1_000, run: other },
    ],
    log,
  );
  loop.poke();
  await sleep(20);
  loop.poke();
  await sleep(20);
  expect(seen).toEqual(['failing', 'other', 'failing', 'other']);
});

it('ends the step that is running, and starts no other, when it is closed', async () => {
  let ended = false;
  const started = startLoop(
    [
      {
        name: 'slow',
        everyMs: 1_000,
        run: async () => {
          await sleep(50);
          ended = true;
          return 0;
        },
      },
      { name: 'next', everyMs: 1_000, run: async () => expect.unreachable('it was started') },
    ],
    log,
  );
  started.poke();
  await started.close();
  expect(ended).toBe(true);
});
