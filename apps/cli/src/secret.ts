import { CommandFailed } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { readText } from './options.js';
import type { Streams } from './output.js';

/**
 * A secret: out of `file`, from standard input if that is no terminal, else typed at a prompt that shows nothing. Never
 * from the command line, which other users of the machine can see. The line's end is not part of it.
 * @throws CommandFailed if it is empty, cannot be read, or typing was given up
 */
export async function readSecret(
  what: string,
  file: string | undefined,
  streams: Streams,
  signal: AbortSignal,
): Promise<string> {
  const text = await (file !== undefined && file !== '-'
    ? readText(file)
    : streams.stdin.isTTY
      ? prompt(`${what}: `, streams, signal)
      : readAll(streams.stdin));
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new CommandFailed(exitCodes.invalid, `the ${what} is empty`);
  return secret;
}

export async function readAll(stdin: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

const ENTER = /[\r\n]/;
const INTERRUPT = '\u0003';
const END_OF_INPUT = '\u0004';
const ERASE = /[\b\u007f]/;

async function prompt(question: string, { stdin, stderr }: Streams, signal: AbortSignal): Promise<string> {
  const terminal = stdin as NodeJS.ReadStream;
  stderr.write(question);
  terminal.setRawMode(true);
  terminal.setEncoding('utf8');
  let typed = '';
  try {
    for await (const chunk of terminal.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      for (const character of chunk) {
        if (signal.aborted || character === INTERRUPT || character === END_OF_INPUT)
          throw new CommandFailed(exitCodes.interrupted, 'nothing was stored');
        if (ENTER.test(character)) return typed;
        typed = ERASE.test(character) ? typed.slice(0, -1) : typed + character;
      }
    }
    return typed;
  } finally {
    terminal.setRawMode(false);
    terminal.pause();
    stderr.write('\n');
  }
}
