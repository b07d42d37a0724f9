import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_DEADLINE_MS = 30_000;
const LISTEN_POLL_MS = 20;

export interface ServerProgram {
  /** The program's absolute path. */
  readonly program: string;
  /** The Debian package that it comes in, for the message if it is missing. */
  readonly debianPackage: string;
  /** Told the port to listen on, on 127.0.0.1. It has to stay in the foreground and log to its standard error. */
  readonly args: (port: number) => readonly string[] | Promise<readonly string[]>;
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ServerProcess {
  readonly port: number;
  log(): string;
  /** Kills the program and what it has started. */
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1 and waits until it accepts connections. It ends with this process at the
 * latest.
 * @throws if the program is missing, or with what it logged if it does not start
 */
export async function startServerProcess(server: ServerProgram): Promise<ServerProcess> {
  const { program, debianPackage } = server;
  if (!existsSync(program))
    throw new Error(`${program} is missing: install the Debian package ${debianPackage}`);
  const port = await freePort();
  const child = spawn(program, [...(await server.args(port))], {
    env: { ...process.env, ...server.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text: Buffer) => {
    log += text.toString();
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const killAtExit = () => killTree(child);
  process.once('exit', killAtExit);
  const stop = async () => {
    process.off('exit', killAtExit);
    killTree(child);
    await exited;
  };
  for (const deadline = performance.now() + START_DEADLINE_MS; !(await accepts(port)); ) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`${program} did not start on 127.0.0.1:${port}; its log:\n${log}`);
    }
    await sleep(LISTEN_POLL_MS);
  }
  return { port, log: () => log, stop };
}

/**
 * Runs `start` with a new directory, which is removed if it throws.
 * @param prefix first part of the directory's name
 */
export async function inNewDirectory<T>(
  prefix: string,
  start: (directory: string, remove: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), prefix));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    return await start(directory, remove);
  } catch (error) {
    await remove();
    throw error;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}

/** Sessions are processes of their own, in sessions of their own: a signal to the process group misses them. */
export function killTree(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // Stopped first, so that no connection is accepted between looking and killing.
  child.kill('SIGSTOP');
  killDescendants(child.pid);
  child.kill('SIGKILL');
}

export function killDescendants(pid: number): void {
  for (const child of childrenOf(pid)) {
    killDescendants(child);
    try {
      process.kill(child, 'SIGKILL');
    } catch (error) {
      // It ended by itself in the meantime.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    // "pid (name) state ppid …": the name may hold spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // The process ended while the list was read.
    return undefined;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free TCP port on 127.0.0.1');
  return address.port;
}
