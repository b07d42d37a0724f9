import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { serverProcesses } from './processes.js';

/**
 * Clears away what a killed Waybill, or a killed PostgreSQL, left behind: a server that still runs on the cluster, and
 * its pid file. Only for the holder of the directory's lock, because it stops whatever server runs there.
 */
export async function clearLeftover(directory: string, log: (message: string) => void): Promise<void> {
  // Elsewhere a process doesn't show where it works: PostgreSQL's own check of its pid file has to do.
  if (process.platform !== 'linux') return;
  const pidFile = path.join(directory, 'postmaster.pid');
  const content = await readFile(pidFile, 'utf8').catch(() => undefined);
  if (content === undefined && (await serverProcesses(directory)).length === 0) return;
  await stopServer(directory, Number(content?.split('\n')[0]), log);
  // Left by a server that was killed, and PostgreSQL would refuse to start if some other process of the same user has
  // the pid by now, or a zombie has it. Removing it is safe only because no process works in the directory any more.
  await rm(pidFile, { force: true });
}

async function stopServer(directory: string, mainPid: number, log: (message: string) => void): Promise<void> {
  // The main process's children end by themselves, a moment after it is gone.
  for (const [signal, waitMs] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    const pids = await serverProcesses(directory);
    if (pids.length === 0) return;
    const targets = signal === 'SIGKILL' ? pids : pids.filter((pid) => pid === mainPid);
    if (targets.length > 0)
      log(`PostgreSQL of an earlier Waybill still runs in ${directory} (pid ${targets[0]}): ${signal}`);
    for (const pid of targets) signalIfThere(pid, signal);
    if (await ended(directory, waitMs)) return;
  }
  const rest = (await serverProcesses(directory)).join(', ');
  throw new EmbeddedPostgresError(
    `PostgreSQL still runs in ${directory} and does not stop: processes ${rest}`,
  );
}

async function ended(directory: string, waitMs: number): Promise<boolean> {
  for (const until = Date.now() + waitMs; Date.now() < until; await sleep(50))
    if ((await serverProcesses(directory)).length === 0) return true;
  return false;
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
