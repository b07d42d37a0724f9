// Writes what prisma/*.prisma has over prisma/migrations as a new migration: node tools/create-migration.mjs NAME
// With --check it writes nothing, and fails if there is a difference.
//
// The engine is the one inside Prisma's own command line, which would download it; here it comes from npm as WebAssembly.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { shadowingAdapter } from './migration-adapter.mjs';
import { withPostgres } from './throw-away-postgres.mjs';

const name = process.argv[2] ?? '';
if (name !== '--check' && !/^[a-z0-9_]+$/.test(name)) {
  console.error('usage: node tools/create-migration.mjs NAME (lower case letters, digits, _) | --check');
  process.exit(2);
}
const schemaDirectory = path.resolve(import.meta.dirname, '../prisma');
const migrationsDirectory = path.join(schemaDirectory, 'migrations');

const script = await withPostgres((url) => difference(url));
if (script === '') console.log('the migrations make what the schema says');
else if (name === '--check') console.error(`the migrations lack:\n${script}`);
else console.log(`wrote ${await write(script)}`);
// The engine keeps a timer of ten seconds.
process.exit(script !== '' && name === '--check' ? 1 : 0);

/** The SQL that leads from the migrations, replayed in a shadow database, to the schema; empty if there is none. */
async function difference(url) {
  const files = readdirSync(schemaDirectory)
    .filter((file) => file.endsWith('.prisma'))
    .sort()
    .map((file) => ({ path: file, content: readFileSync(path.join(schemaDirectory, file), 'utf8') }));
  const engineModule = await loadEngine();
  const { bindMigrationAwareSqlAdapterFactory } = await import('@prisma/driver-adapter-utils');
  const engine = await engineModule.SchemaEngine.new(
    { datamodels: files.map((file) => [file.path, file.content]) },
    () => {},
    bindMigrationAwareSqlAdapterFactory(shadowingAdapter(url)),
  );
  const { stdout } = await engine.diff({
    from: { tag: 'migrations', ...existingMigrations() },
    to: { tag: 'schemaDatamodel', files },
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
  });
  engine.free();
  return !stdout || stdout.startsWith('-- This is an empty migration') ? '' : stdout;
}

function existingMigrations() {
  const entries = readdirSync(migrationsDirectory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return {
    baseDir: migrationsDirectory,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: names.sort().map((directory) => ({
      path: directory,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: readMigration(directory) } },
    })),
  };
}

function readMigration(directory) {
  return readFileSync(path.join(migrationsDirectory, directory, 'migration.sql'), 'utf8');
}

async function write(sql) {
  const id = `${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}_${name}`;
  const file = path.join(migrationsDirectory, id, 'migration.sql');
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, sql);
  await writeFile(path.join(migrationsDirectory, 'migration_lock.toml'), 'provider = "postgresql"\n');
  return path.relative(process.cwd(), file);
}

/** The package is made for bundlers; this is what a bundler would write around it. */
async function loadEngine() {
  // The engine reports a panic through this global.
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => console.error(message) };
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const glue = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const wasm = readFileSync(path.join(path.dirname(entry), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start?.();
  return glue;
}
