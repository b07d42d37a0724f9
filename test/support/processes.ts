import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** A part of Waybill as a process of its own, from the built code. */
export class Part {
  readonly #child: ChildProcess;
  #output = '';

  constructor(program: string, args: string[], environment: Record<string, string | undefined>) {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !/^(WAYBILL_|DATABASE_URL|REDIS_URL|VITEST|NODE_OPTIONS)/.test(name),
      ),
    );
    this.#child = spawn(process.execPath, [join(root, program), ...args], {
      env: { ...inherited, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-20_000);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The last of what it printed. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves with the exit code, or the signal's name, once it has ended. */
  async end(signal?: NodeJS.Signals): Promise<number | string | null> {
    if (this.running) {
      const exit = once(this.#child, 'exit');
      if (signal) this.#child.kill(signal);
      await exit;
    }
    return this.#child.exitCode ?? this.#child.signalCode;
  }
}
