import { CommanderError } from 'commander';
import { readConfig } from './config.js';
import { describeError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { Streams } from './output.js';
import { createProgram } from './program.js';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const SECOND_SIGNAL_AFTER_MS = 1_000;

/**
 * Runs one command.
 * @param args without the names of node and the program
 * @returns the exit code
 */
export async function main(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  let first: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    first ??= Date.now();
    // A terminal and npm both pass Ctrl-C on: only a later one is another wish.
    if (Date.now() - first > SECOND_SIGNAL_AFTER_MS) endAtOnce(signal);
    stop.abort(new Error(`stopped by ${signal}`));
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  try {
    return await runCommand(args, readConfig(), process, stop.signal);
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
  }
}

/** Whoever was reading, such as `head`, has enough: that is no reason to fail, or to end a service. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function endAtOnce(signal: NodeJS.Signals): never {
  process.stderr.write(`Ended at once by another ${signal}.\n`);
  process.exit(exitCodes.interrupted);
}

/** Like {@link main}, with everything from outside as arguments. */
export async function runCommand(
  args: readonly string[],
  config: ReturnType<typeof readConfig>,
  streams: Streams,
  signal: AbortSignal,
): Promise<number> {
  const program = createProgram(config, streams, signal);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    // Said already, by commander; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.invalid;
    if (signal.aborted && error === signal.reason) return exitCodes.interrupted;
    const { exitCode, lines, document } = describeError(error);
    const text = program.opts<{ json?: boolean }>().json
      ? JSON.stringify(document, null, 2)
      : ['Error: ', ...lines].join('\n').replace('\n', '');
    streams.stderr.write(`${text}\n`);
    return exitCode;
  }
}
