import type { Logger } from '@waybill/telemetry';
import { schedule as tick } from 'node-cron';

/** A piece of the scheduler's work: looks, does what is due, and says how much it did. */
export interface Step {
  readonly name: string;
  /** At most once in this time. */
  readonly everyMs: number;
  /** Resolves with the number of things done; 0 is not logged. */
  readonly run: () => Promise<number>;
}

export interface Loop {
  /** Runs what is due at once, instead of at the next tick. */
  poke(): void;
  /** No further step starts; resolves when the running one has ended. */
  close(): Promise<void>;
}

/** A tick that stays away so long is started anew. */
const SILENCE_MS = 5_000;

/**
 * Runs each step on its interval, one after the other, never twice at once. A step that fails is logged and tried at
 * its next turn. The tick is node-cron's; since that falls silent when the clock is set back (it waits for the old
 * time to come again), the loop watches it in monotonic time and starts it anew.
 */
export function startLoop(steps: readonly Step[], log: Logger): Loop {
  const due = new Map<Step, number>(steps.map((step) => [step, 0]));
  const failing = new Map<string, string>();
  let running: Promise<void> | undefined;
  let again = false;
  let closed = false;
  let lastTick = performance.now();

  const round = async () => {
    for (const step of steps) {
      if (closed || performance.now() < (due.get(step) ?? 0)) continue;
      // A little less than the interval, so that a tick that comes a few milliseconds early still counts.
      due.set(step, performance.now() + step.everyMs - 100);
      await runStep(step, failing, log);
    }
  };
  const look = () => {
    lastTick = performance.now();
    if (closed) return;
    if (running) {
      again = true;
      return;
    }
    running = round().finally(() => {
      running = undefined;
      if (again) {
        again = false;
        look();
      }
    });
  };

  const startTick = () => tick('* * * * * *', look, { name: 'scheduler', suppressMissedWarning: true });
  let task = startTick();
  const watchdog = setInterval(() => {
    if (performance.now() - lastTick < SILENCE_MS) return;
    log.warn('the tick fell silent, as it does when the clock is set back: starting it anew');
    void task.destroy();
    task = startTick();
  }, SILENCE_MS);

  return {
    poke: () => {
      for (const step of steps) due.set(step, 0);
      look();
    },
    close: async () => {
      closed = true;
      clearInterval(watchdog);
      await task.destroy();
      await running;
    },
  };
}

/** Logs a failure when it begins or changes, and its end: a database that is down would fill the log otherwise. */
async function runStep({ name, run }: Step, failing: Map<string, string>, log: Logger): Promise<void> {
  try {
    const done = await run();
    if (failing.delete(name)) log.info({ step: name }, `${name} works again`);
    if (done > 0) log.info({ step: name, done }, name);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const known = failing.get(name) === message;
    failing.set(name, message);
    log[known ? 'debug' : 'error'](
      { step: name, err: error },
      `${name} failed; it is tried again at its next turn`,
    );
  }
}
