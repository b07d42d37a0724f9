import type { Client, ClientChannel } from 'ssh2';

/** What became of a command. */
export type CommandEnd =
  /** `code` is undefined if it was killed. */
  | {
      readonly kind: 'exited';
      readonly code: number | undefined;
      readonly output: string;
      readonly errors: string;
    }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'endless'; readonly why: string };

/** What a command may print. */
const MAX_OUTPUT_BYTES = 4 * 1024;

/**
 * Runs a command in the shell of the account, on a channel of its own and with nothing to read. One that prints too
 * much or takes too long has its channel closed.
 */
export function runCommand(
  client: Client,
  command: string,
  { signal, deadlineMs }: { readonly signal: AbortSignal; readonly deadlineMs: number },
): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    let channel: ClientChannel | undefined;
    let settled = false;
    const settle = (how: () => void) => {
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      client.off('close', lost);
      channel?.close();
      how();
    };
    const end = (found: CommandEnd) => settle(() => resolve(found));
    const abort = () => settle(() => reject(signal.reason));
    const lost = () => end({ kind: 'refused', why: 'the connection was closed' });
    const tooLong = () => end({ kind: 'endless', why: `no end within ${deadlineMs} ms` });
    const timer = setTimeout(tooLong, deadlineMs);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    client.once('close', lost);
    try {
      client.exec(command, (error, opened) => {
        if (error) return end({ kind: 'refused', why: error.message });
        if (settled) return opened.close();
        channel = opened;
        follow(opened, end);
        // Where an SFTP server takes the place of every command (`ForceCommand internal-sftp`), this ends it.
        opened.end();
      });
    } catch (error) {
      // ssh2 throws where the connection has ended, before it says so.
      settle(() => reject(error));
    }
  });
}

function follow(channel: ClientChannel, end: (found: CommandEnd) => void): void {
  const printed = { output: '', errors: '' };
  const collect = (into: 'output' | 'errors') => (piece: Buffer) => {
    printed[into] += piece.toString('latin1');
    if (printed[into].length > MAX_OUTPUT_BYTES)
      end({ kind: 'endless', why: `it printed more than ${MAX_OUTPUT_BYTES} bytes` });
  };
  channel.on('data', collect('output'));
  channel.stderr.on('data', collect('errors'));
  let code: number | undefined;
  channel.on('exit', (exited: number | null) => {
    code = exited ?? undefined;
  });
  channel.on('error', (error: Error) => end({ kind: 'refused', why: error.message }));
  channel.on('close', () => end({ kind: 'exited', code, ...printed }));
}
