import { SettingsRefused } from './settings.js';

/** Something that runs until it is closed. */
export interface Running {
  close(): Promise<void>;
  /** Closing that takes longer is cut off: what is left over is put right at the next start. Default: 30 s. */
  readonly closeWithinMs?: number;
}

/** Exit codes of sysexits.h where there is one. */
const EX_CONFIG = 78;
const FAILED = 1;

/**
 * Runs a program until SIGTERM or SIGINT, then closes it and ends the process with 0. What keeps it from starting
 * goes to standard error: settings that are wrong without a stack trace, with exit code 78; anything else with 1.
 * A second signal ends it at once.
 */
export async function runProgram(start: (stopped: AbortSignal) => Promise<Running>): Promise<void> {
  const stopped = new AbortController();
  const onSignal = () => {
    if (stopped.signal.aborted) process.exit(FAILED);
    stopped.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const running = await start(stopped.signal);
    await aborted(stopped.signal);
    const { closeWithinMs = 30_000 } = running;
    setTimeout(() => {
      console.error(`did not close within ${closeWithinMs} ms: ended all the same`);
      process.exit(FAILED);
    }, closeWithinMs).unref();
    await running.close();
    process.exit(0);
  } catch (error) {
    const expected = error instanceof SettingsRefused;
    console.error(expected ? error.message : error);
    process.exit(expected ? EX_CONFIG : FAILED);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  // The timer keeps the process alive, should nothing else do so.
  const alive = setInterval(() => {}, 2 ** 30);
  return new Promise((resolve) => {
    const end = () => {
      clearInterval(alive);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
