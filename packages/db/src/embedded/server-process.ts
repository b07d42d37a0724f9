import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binaries } from './binaries.js';
import { serverEnvironment } from './cluster.js';
import type { ServerUser } from './server-user.js';

/** A running `postgres`, our child. */
export interface ServerProcess {
  readonly pid: number;
  /** Settles when it has ended, by whatever cause; never rejects. */
  readonly exited: Promise<string>;
  readonly hasExited: () => boolean;
  /** Lets transactions go (fast shutdown); if that takes over 15 s, stops at once and leaves it to recovery. */
  stop(): Promise<void>;
}

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'];
const keepLogBelow = 10 * 1024 * 1024;

/**
 * Starts PostgreSQL as `user`, in a session of its own: Ctrl-C in a terminal goes to Waybill alone, which stops the
 * server when its own work is done. If this process is killed, the kernel tells the server to stop.
 * @throws the error of the system if it can't be started at all
 */
export async function spawnServer(
  binaries: Binaries,
  args: readonly string[],
  options: { readonly user: ServerUser | undefined; readonly logFile: string },
): Promise<ServerProcess> {
  const log = await openLog(options.logFile);
  try {
    const [program = '', ...rest] = commandFor(binaries.postgres, args, options.user);
    const viaSetpriv = program !== binaries.postgres;
    const child = spawn(program, rest, {
      ...(options.user && !viaSetpriv ? { uid: options.user.uid, gid: options.user.gid } : {}),
      cwd: '/',
      detached: true,
      env: serverEnvironment,
      stdio: ['ignore', log.fd, log.fd],
    });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return serverOf(child);
  } finally {
    await log.close();
  }
}

/**
 * Through setpriv (of util-linux) where there is one. It has to be the one who changes the user, because the kernel
 * forgets the death signal at every change of user (prctl(2), PR_SET_PDEATHSIG).
 */
function commandFor(postgres: string, args: readonly string[], user: ServerUser | undefined): string[] {
  const program = setpriv.find((file) => existsSync(file));
  if (program === undefined) return [postgres, ...args];
  const as = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--init-groups'] : [];
  return [program, ...as, '--pdeathsig=INT', '--', postgres, ...args];
}

function serverOf(child: ChildProcess): ServerProcess {
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code === null ? `signal ${signal}` : `exit code ${code}`));
  });
  return {
    pid: child.pid as number,
    exited,
    hasExited,
    async stop() {
      for (const [signal, waitMs] of [
        ['SIGINT', 15_000],
        ['SIGQUIT', 5_000],
        ['SIGKILL', 5_000],
      ] as const) {
        if (hasExited()) return;
        child.kill(signal);
        const enough = new AbortController();
        await Promise.race([exited, sleep(waitMs, undefined, { signal: enough.signal }).catch(() => {})]);
        enough.abort();
      }
    },
  };
}

/** For appending; the log of the time before goes aside when it has grown large. */
async function openLog(file: string) {
  if ((await sizeOf(file)) > keepLogBelow) await rename(file, `${file}.1`);
  return await open(file, 'a', 0o600);
}

export async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}

/** What the server wrote since the file had `from` bytes: its last lines. */
export async function lastLines(logFile: string, from = 0): Promise<string> {
  const text = await readFile(logFile).catch(() => Buffer.alloc(0));
  // Shorter than before: the old one was put aside.
  const start = from <= text.length ? from : 0;
  return text.subarray(start).toString().trim().split('\n').slice(-10).join('\n');
}
