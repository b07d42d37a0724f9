import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './run-program.js';

/** A GnuPG of its own: keys, trust and agent live in a temporary directory. */
export interface Gnupg extends AsyncDisposable {
  /** For files that `run` reads or writes. */
  readonly directory: string;
  /** Runs `gpg` without asking anything. Resolves to its standard output. @throws with what it said if it failed */
  run(args: readonly string[], stdin?: Uint8Array | string): Promise<Buffer>;
}

export async function startGnupg(): Promise<Gnupg> {
  // The agent's socket lies in it, and a socket's path has to be short.
  const directory = await mkdtemp(join(tmpdir(), 'gpg-'));
  // By default a passphrase is made as slow to try as this machine can stand: seconds.
  await writeFile(join(directory, 'gpg-agent.conf'), 's2k-count 65536\n');
  const always = ['--homedir', directory, '--batch', '--yes', '--no-tty', '--pinentry-mode', 'loopback'];
  return {
    directory,
    run: (args, stdin = '') => runProgram('gpg', [...always, '--trust-model', 'always', ...args], { stdin }),
    async [Symbol.asyncDispose]() {
      await runProgram('gpgconf', ['--homedir', directory, '--kill', 'all']);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
