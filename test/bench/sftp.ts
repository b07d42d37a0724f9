// How fast Waybill moves files over SFTP, next to what its users would use instead: the same server, the same link, one
// after the other, round after round. `npm run bench:sftp -- [--quick] [--only <part of a case's name>] [--peers a,b]`.
// Needs the Debian packages openssh-server, openssh-sftp-server, rclone and lftp. Results: docs/performance.md.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { GIVE_UP_MS, peers } from './sftp/peers.js';
import type { Taken, Task } from './sftp/task.js';

const KIB = 1024;
const MIB = 1024 * KIB;

interface Case {
  readonly name: string;
  readonly direction: Task['direction'];
  readonly files: number;
  readonly bytesEach: number;
  /** 0: the server itself, without the proxy. */
  readonly roundTripMs: number;
  /** `ssh2-sftp-client` is no peer for many small files: it would take minutes. */
  readonly peers: readonly string[];
}

const { values: asked } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    peers: { type: 'string' },
    rounds: { type: 'string' },
  },
});
const rounds = Number(asked.rounds ?? (asked.quick ? 3 : 5));
/** In memory where there is such a place. */
const base = await mkdtemp(join((await exists('/dev/shm')) ? '/dev/shm' : tmpdir(), 'waybill-bench-'));
const server = await startOpenSsh({ config: ['LogLevel INFO'] });
try {
  const keyFile = join(base, 'key');
  const knownHosts = join(base, 'known_hosts');
  await writeFile(keyFile, server.clientKey.privateKey, { mode: 0o600 });
  await chmod(keyFile, 0o600);
  const results: Result[] = [];
  for (const one of casesOf(asked.quick).filter(({ name }) => name.includes(asked.only)))
    results.push(await measure(one, { keyFile, knownHosts }));
  const directory = fileURLToPath(new URL('./results/', import.meta.url));
  await mkdir(directory, { recursive: true });
  const file = join(directory, `sftp-${new Date().toISOString().replace(/[:.]/g, '')}.json`);
  await writeFile(file, `${JSON.stringify({ node: process.version, rounds, results }, undefined, 2)}\n`);
  console.log(`\n${file}`);
} finally {
  await server.stop();
  await rm(base, { recursive: true, force: true });
}

function casesOf(quick: boolean): Case[] {
  const large = quick ? 256 * MIB : 1024 * MIB;
  const far = quick ? 64 * MIB : 256 * MIB;
  const few = quick ? 200 : 2_000;
  const many = quick ? 2_000 : 20_000;
  const all = ['waybill', 'sftp', 'rclone', 'lftp', 'ssh2-sftp-client'];
  const tools = ['waybill', 'sftp', 'rclone', 'lftp'];
  const both = (name: string, rest: Omit<Case, 'name' | 'direction'>): Case[] =>
    (['pull', 'push'] as const).map((direction) => ({ name: `${name}, ${direction}`, direction, ...rest }));
  return [
    ...both('large, loopback', { files: 1, bytesEach: large, roundTripMs: 0, peers: all }),
    ...both('large, 50 ms', { files: 1, bytesEach: far, roundTripMs: 50, peers: tools }),
    ...both('large, 200 ms', { files: 1, bytesEach: far, roundTripMs: 200, peers: tools }),
    ...both('small, 50 ms', { files: few, bytesEach: 10 * KIB, roundTripMs: 50, peers: tools }),
    ...both('tiny, loopback', { files: many, bytesEach: KIB, roundTripMs: 0, peers: tools }),
  ];
}

interface Result extends Case {
  readonly medianMs: Readonly<Record<string, number>>;
  readonly taken: Readonly<Record<string, readonly Taken[]>>;
}

/** All peers in each round, so that what else this machine does hits them alike. */
async function measure(one: Case, keys: { keyFile: string; knownHosts: string }): Promise<Result> {
  const from = join(base, 'from');
  await seed(from, one);
  const link = one.roundTripMs > 0 ? await startProxy(server, one.roundTripMs / 2) : undefined;
  const port = link?.port ?? server.port;
  await writeFile(keys.knownHosts, `[127.0.0.1]:${port} ${server.hostKey}\n`);
  const names = asked.peers?.split(',') ?? one.peers;
  const taken: Record<string, Taken[]> = Object.fromEntries(names.map((name) => [name, []]));
  try {
    for (let round = 0; round < rounds; round++)
      for (const name of names) {
        // Known to be hopeless: once is enough.
        if ((taken[name]?.[0]?.ms ?? 0) >= GIVE_UP_MS) continue;
        const to = join(base, 'to');
        await mkdir(to);
        const ends = one.direction === 'pull' ? { remote: from, local: to } : { remote: to, local: from };
        const { username, hostKey } = server;
        const task: Task = {
          ...{ ...keys, ...ends, username, hostKey, port, direction: one.direction },
          names: one.files === 1 ? 'one file' : 'many files',
        };
        const result = await (peers[name] as (typeof peers)[string])(task);
        taken[name]?.push(result);
        if (result.ms < GIVE_UP_MS) await check(to, one);
        await rm(to, { recursive: true });
      }
  } finally {
    link?.stop();
    await rm(from, { recursive: true });
  }
  const medianMs = Object.fromEntries(
    Object.entries(taken).map(([name, all]) => [name, median(all.map(({ ms }) => ms))]),
  );
  const result = { ...one, medianMs, taken };
  show(result);
  return result;
}

async function seed(directory: string, { files, bytesEach }: Case): Promise<void> {
  await mkdir(directory);
  const piece = Buffer.alloc(Math.min(bytesEach, 16 * MIB));
  for (let i = 0; i < piece.length; i += 4) piece.writeUInt32LE(Math.imul(i + 1, 2_654_435_761) >>> 0, i);
  const first = join(directory, 'file-0');
  for (let done = 0; done < bytesEach; done += piece.length) await writeFile(first, piece, { flag: 'a' });
  for (let i = 1; i < files; i++) await cp(first, join(directory, `file-${i}`));
}

/** A peer that loses files is not fast. */
async function check(directory: string, { files, bytesEach }: Case): Promise<void> {
  const found = await readdir(directory);
  if (found.length !== files) throw new Error(`${found.length} of ${files} files arrived`);
  const { size } = await stat(join(directory, found[0] as string));
  if (size !== bytesEach) throw new Error(`${size} of ${bytesEach} bytes arrived`);
}

async function startProxy({ port }: OpenSshServer, delayMs: number) {
  const child = fork(fileURLToPath(new URL('./sftp/proxy.ts', import.meta.url)), [`${port}`, `${delayMs}`]);
  const [listening] = (await once(child, 'message')) as [number];
  return { port: listening, stop: () => child.disconnect() };
}

function median(all: readonly number[]): number {
  return [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
}

function show({ name, files, bytesEach, medianMs, taken }: Result): void {
  const ours = medianMs.waybill ?? Number.NaN;
  console.log(
    `\n${name}: ${files} × ${bytesEach >= MIB ? `${bytesEach / MIB} MiB` : `${bytesEach / KIB} KiB`}`,
  );
  console.table(
    Object.fromEntries(
      Object.entries(medianMs).map(([peer, ms]) => [
        peer,
        {
          seconds: (ms / 1000).toFixed(2),
          'MiB/s': ((files * bytesEach) / MIB / (ms / 1000)).toFixed(1),
          'files/s': (files / (ms / 1000)).toFixed(1),
          'Waybill is faster': peer === 'waybill' ? '' : `${(ms / ours).toFixed(2)} ×`,
          'peak MiB': Math.max(...(taken[peer] ?? []).map(({ peakMiB = 0 }) => peakMiB)).toFixed(0),
          'lag p99 ms': median((taken[peer] ?? []).map(({ lagP99Ms = 0 }) => lagP99Ms)).toFixed(1),
        },
      ]),
    ),
  );
}

async function exists(directory: string): Promise<boolean> {
  return (await stat(directory).catch(() => undefined))?.isDirectory() ?? false;
}
