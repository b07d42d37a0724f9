import { readdir, readFile, readlink } from 'node:fs/promises';

/**
 * When a process started, in the kernel's clock ticks since boot (field 22 of /proc/<pid>/stat): together with the pid
 * it names one process for good. `undefined` if there is no such process or it is a zombie; `unknown` on systems
 * without /proc, for a pid that is alive.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // No /proc entry is a dead process, provided that there is a /proc: our own entry tells.
  if (stat === undefined) return process.platform === 'linux' || !isAlive(pid) ? undefined : 'unknown';
  // The name stands in parentheses and may itself hold spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** The live processes of a PostgreSQL server that works in `dataDirectory` (an absolute path without links). */
export async function serverProcesses(dataDirectory: string): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).map(Number).filter(Number.isInteger);
  const ours = await Promise.all(pids.map((pid) => worksIn(pid, dataDirectory)));
  return pids.filter((_, i) => ours[i]);
}

async function worksIn(pid: number, dataDirectory: string): Promise<boolean> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  if (name.trim() !== 'postgres' || (await processStart(pid)) === undefined) return false;
  // The server and all its children work in the data directory. A container may forbid even root to see where a
  // process works, but not its command line, which names the directory at least for the main process.
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  if (directory !== undefined) return directory === dataDirectory;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.split('\0').includes(dataDirectory);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
