// Brings a clone into the state in which it can run: dependencies installed, Prisma's client generated, everything
// built. Does nothing, quickly, where nothing has to be done. Plain Node, because nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19, 0];
const modules = path.join(root, 'node_modules');
const installStamp = path.join(modules, '.waybill-installed');
const prismaClient = path.join(root, 'packages/db/src/generated/client.ts');
const buildStamp = path.join(modules, '.waybill-built');

/** What a person has to put right: printed without a stack trace. */
export class SetupFailed extends Error {
  name = 'SetupFailed';
}

/** Makes the clone ready to run. @throws SetupFailed */
export function setUp() {
  checkNode();
  installDependencies();
  build();
}

/** Runs `main` and exits: 1 with the reason if it throws, else with the code that it returns. */
export async function runTool(main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof SetupFailed ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

/** The path of a program that a dependency installed. */
export function installed(program) {
  return path.join(modules, '.bin', program);
}

function checkNode() {
  const version = process.versions.node.split('.').map(Number);
  const difference = OLDEST_NODE.map((least, i) => version[i] - least).find((d) => d !== 0) ?? 0;
  if (difference >= 0) return;
  throw new SetupFailed(
    `Waybill needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a newer one, for instance from https://nodejs.org.',
  );
}

function installDependencies() {
  const lock = path.join(root, 'package-lock.json');
  const wanted = sha256(readFileSync(lock));
  if (read(installStamp) === wanted) return;
  // Somebody ran npm by hand: npm writes this file last.
  const byHand = path.join(modules, '.package-lock.json');
  const current = existsSync(byHand) && !existsSync(installStamp) && newer(byHand, lock);
  // Prisma's postinstall downloads an engine that is never used, unless it is told that it has one.
  const env = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath };
  if (!current) step('Installing dependencies', 'npm', ['ci', '--no-audit', '--no-fund'], env);
  writeFileSync(installStamp, wanted);
}

function build() {
  const sources = fingerprint();
  const outputs = [...workspaces().map((dir) => path.join(dir, 'dist')), prismaClient];
  if (read(buildStamp) === sources && outputs.every((output) => existsSync(output))) return;
  const env = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
  step('Building', installed('turbo'), ['run', 'build', '--output-logs=errors-only'], env);
  writeFileSync(buildStamp, sources);
}

/** Changes whenever a file that the build reads is added, removed or written. */
function fingerprint() {
  const files = ['package-lock.json', 'tsconfig.base.json', 'turbo.json', 'prisma.config.ts', 'prisma'];
  for (const dir of workspaces())
    for (const name of readdirSync(dir))
      if (name !== 'dist' && name !== 'node_modules') files.push(path.relative(root, path.join(dir, name)));
  const lines = files.flatMap((file) => describe(path.join(root, file)));
  return sha256(lines.sort().join('\n'));
}

function describe(file) {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) return [];
  if (!stats.isDirectory()) return [`${file} ${stats.size} ${stats.mtimeMs}`];
  // Generated out of files that are looked at already.
  if (path.basename(file) === 'generated') return [];
  return readdirSync(file).flatMap((name) => describe(path.join(file, name)));
}

function workspaces() {
  return ['packages', 'apps'].flatMap((group) =>
    readdirSync(path.join(root, group))
      .map((name) => path.join(root, group, name))
      .filter((dir) => existsSync(path.join(dir, 'package.json'))),
  );
}

/** Runs a program silently, with one line about it; shows all that it said if it fails. */
export function step(title, program, args, env = {}) {
  process.stderr.write(`${title} … `);
  const start = performance.now();
  const result = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stderr.write(result.status === 0 ? `done in ${seconds} s\n` : `FAILED after ${seconds} s\n`);
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  const why =
    result.error?.message ?? (result.signal ? `killed by ${result.signal}` : `exit code ${result.status}`);
  throw new SetupFailed(
    `"${[path.basename(program), ...args].join(' ')}" failed: ${why}. Its output stands above.`,
  );
}

function newer(file, than) {
  return statSync(file).mtimeMs >= statSync(than).mtimeMs;
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runTool(() => setUp());
