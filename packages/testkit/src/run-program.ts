import { spawn } from 'node:child_process';

export interface ProgramOptions {
  readonly stdin?: Uint8Array | string;
  /** The directory that it runs in. */
  readonly cwd?: string;
}

/** Runs a program to its end. Resolves to its standard output. @throws with what it said if it failed */
export function runProgram(
  program: string,
  args: readonly string[],
  { stdin = '', cwd }: ProgramOptions = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', cwd });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    // A program that ends before it has read everything says why by itself, or is done with what it read.
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out));
      else
        reject(
          new Error(`${program} ${args.join(' ')} ended with ${code}: ${Buffer.concat([...out, ...err])}`),
        );
    });
    child.stdin.end(stdin);
  });
}
