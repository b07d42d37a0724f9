// What an idle `waybill up` costs: CPU of the service and of its PostgreSQL over a minute, as a share of one core, and
// memory. `npm run bench:idle`; the aim is under 2 %.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root, runTool, setUp } from '../../tools/setup.mjs';

const SETTLE_MS = 10_000;
const MEASURE_MS = 60_000;
const TICKS_PER_SECOND = 100;

await runTool(async () => {
  setUp();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-idle-'));
  await chmod(dataDir, 0o711);
  const service = spawn(process.execPath, [path.join(root, 'apps/cli/bin/waybill.js'), 'up', '--port', '0'], {
    env: { ...process.env, WAYBILL_DATA_DIR: dataDir, WAYBILL_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    await sleep(SETTLE_MS);
    const before = usage(service.pid);
    await sleep(MEASURE_MS);
    const after = usage(service.pid);
    const percent = (ticks) => ((ticks / TICKS_PER_SECOND / (MEASURE_MS / 1000)) * 100).toFixed(2);
    console.table({
      service: { 'CPU, % of a core': percent(after.own - before.own), 'memory, MiB': after.ownMiB },
      PostgreSQL: { 'CPU, % of a core': percent(after.below - before.below), 'memory, MiB': after.belowMiB },
    });
    return 0;
  } finally {
    service.kill('SIGTERM');
    await new Promise((resolve) => service.once('exit', resolve));
    await rm(dataDir, { recursive: true, force: true });
  }
});

/** CPU ticks and memory of a process and of all below it. Processes that come and go between are not seen. */
function usage(pid) {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readStat)
    .filter(Boolean);
  const below = new Set([pid]);
  for (let size = 0; size !== below.size; ) {
    size = below.size;
    for (const { id, parent } of processes) if (below.has(parent)) below.add(id);
  }
  below.delete(pid);
  const children = processes.filter(({ id }) => below.has(id));
  const own = processes.find(({ id }) => id === pid);
  const sum = (key) => children.reduce((total, child) => total + child[key], 0);
  return { own: own.ticks, ownMiB: own.mebibytes, below: sum('ticks'), belowMiB: sum('mebibytes') };
}

/** proc(5): the fields after the command's name; proportional memory, because PostgreSQL's processes share theirs. */
function readStat(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    const pss = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0;
    const mebibytes = Math.round(Number(pss) / 1024);
    return {
      id: Number(pid),
      parent: Number(fields[1]),
      ticks: Number(fields[11]) + Number(fields[12]),
      mebibytes,
    };
  } catch {
    return undefined; // It has ended meanwhile, or is not ours to look at.
  }
}
