import type { Timekeeper } from '../throttle.js';

/** Time that goes forward only when a test says so. */
export interface HandClock extends Timekeeper {
  /** Calls that are still to come. */
  readonly pending: number;
  /** Lets so much time pass; what becomes due on the way happens at its time, with all that follows from it. */
  forward(ms: number): Promise<void>;
}

export function handClock(): HandClock {
  let now = 0;
  const calls = new Set<{ readonly at: number; readonly call: () => void }>();
  return {
    now: () => now,
    after(ms, call) {
      const entry = { at: now + ms, call };
      calls.add(entry);
      return () => calls.delete(entry);
    },
    get pending() {
      return calls.size;
    },
    async forward(ms) {
      const end = now + ms;
      for (;;) {
        await settled();
        const [next] = [...calls].sort((a, b) => a.at - b.at);
        if (!next || next.at > end) break;
        calls.delete(next);
        now = Math.max(now, next.at);
        next.call();
      }
      now = end;
    },
  };
}

/** Promises that follow one from another have all been kept. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
