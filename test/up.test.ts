import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { Api } from './support/api.js';
import { Cleanup } from './support/cleanup.js';
import { defineExchange } from './support/exchange.js';
import { hashes, makeFile } from './support/files.js';
import { freePort, ready } from './support/fleet.js';
import { Part } from './support/processes.js';

const cleanup = new Cleanup();
afterEach(() => cleanup[Symbol.asyncDispose]());

/** `waybill up` on a data directory of its own, as a user starts it. */
async function up(dataDir: string): Promise<{ part: Part; api: Api }> {
  const port = await freePort();
  const part = new Part('apps/cli/bin/waybill.js', ['up'], {
    WAYBILL_DATA_DIR: dataDir,
    WAYBILL_PORT: String(port),
  });
  cleanup.defer(() => part.end('SIGTERM'));
  const url = `http://127.0.0.1:${port}`;
  await ready(url, part);
  return { part, api: new Api(url, await commandLineKey(dataDir, url)) };
}

/** Written once the API listens. */
async function commandLineKey(dataDir: string, url: string): Promise<string> {
  return await vi.waitFor(async () => {
    const access = JSON.parse(await readFile(join(dataDir, 'cli.json'), 'utf8'));
    expect(access.url).toBe(url);
    return access.apiKey;
  });
}

async function newDataDir(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'waybill-up-'));
  cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
  // As root, PostgreSQL runs as another user, who has to pass through.
  await chmod(dataDir, 0o711);
  return dataDir;
}

/** The processes that work in or below the directory. */
async function processesIn(directory: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const commandOf = (pid: number) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const commands = await Promise.all(pids.map(commandOf));
  return pids.filter((_, i) => commands[i]?.includes(directory));
}

it('kill -9 of everything in the middle of a file loses nothing: the next start goes on and leaves no orphan', async () => {
  const dataDir = await newDataDir();
  const first = await up(dataDir);
  const exchange = await defineExchange(first.api);
  cleanup.defer(() => exchange[Symbol.asyncDispose]());
  await makeFile(join(exchange.local, 'out', 'big.bin'), 1024 ** 3);
  await exchange.define('big', 'push');
  const { id } = await first.api.run('big');
  await first.api.until(id, (run) => run.bytesMoved > 0);
  const postgres = await processesIn(dataDir);
  expect(postgres.length).toBeGreaterThan(0);
  process.kill(first.part.pid, 'SIGKILL');
  for (const pid of postgres) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // Ended with the service, which is as well.
      expect((error as NodeJS.ErrnoException).code).toBe('ESRCH');
    }
  }
  await first.part.end();
  expect(await readdir(join(exchange.remote, 'in'))).not.toContain('big.bin');

  const second = await up(dataDir);
  const run = await second.api.settled(id);
  expect(run.state, JSON.stringify(run)).toBe('succeeded');
  const [delivery] = await second.api.all(`/runs/${id}/deliveries`);
  expect(delivery.resumedFrom).toBeGreaterThan(0);
  expect(await hashes(join(exchange.remote, 'in'))).toEqual(await hashes(join(exchange.local, 'out')));
  expect((await second.api.get('/audit-events/verification')).intact).toBe(true);

  expect(await second.part.end('SIGTERM')).toBe(0);
  expect(await processesIn(dataDir)).toEqual([]);
});

it('kill -9 of the service alone takes its PostgreSQL down as well', async () => {
  const dataDir = await newDataDir();
  const { part } = await up(dataDir);
  expect((await processesIn(dataDir)).length).toBeGreaterThan(0);
  await part.end('SIGKILL');
  for (let i = 0; i < 100 && (await processesIn(dataDir)).length > 0; i++) await sleep(100);
  expect(await processesIn(dataDir)).toEqual([]);
});

it('a second start on the same data directory is refused, naming the first', async () => {
  const dataDir = await newDataDir();
  const { part } = await up(dataDir);
  const second = new Part('apps/cli/bin/waybill.js', ['up'], {
    WAYBILL_DATA_DIR: dataDir,
    WAYBILL_PORT: '0',
  });
  expect(await second.end()).not.toBe(0);
  expect(second.output).toContain(String(part.pid));
  expect(part.running).toBe(true);
});

it('the command line uses the service of its data directory without further settings', async () => {
  const dataDir = await newDataDir();
  await up(dataDir);
  const waybill = (...args: string[]) =>
    execFileSync(process.execPath, ['apps/cli/bin/waybill.js', ...args], {
      encoding: 'utf8',
      env: { ...process.env, WAYBILL_DATA_DIR: dataDir },
    });
  const inbox = await mkdtemp(join(tmpdir(), 'waybill-inbox-'));
  cleanup.defer(() => rm(inbox, { recursive: true }));
  await writeFile(join(inbox, 'a'), '');
  waybill('partner', 'add', 'acme', '--title', 'Acme Corp.');
  expect(waybill('partner', 'list')).toContain('Acme Corp.');
  expect(JSON.parse(waybill('partner', 'list', '--json')).items).toMatchObject([{ name: 'acme' }]);
  expect(waybill('audit', 'verify')).toMatch(/in order|intact/i);
});
