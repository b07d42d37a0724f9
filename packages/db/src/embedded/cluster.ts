import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { type Binaries, sharedDirectory } from './binaries.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { isPassable, type ServerUser } from './server-user.js';

/** Where a database cluster lives, and how to log in. */
export interface Cluster {
  /** PostgreSQL's data directory: absolute, without links, accessible to PostgreSQL's account alone. */
  readonly directory: string;
  /** Of the superuser `clusterUser`. */
  readonly password: string;
}

export const clusterUser = 'waybill';
const clusterName = 'postgres';
const draftPrefix = `${clusterName}.new-`;
const passwordFile = 'postgres-password';
const pointerFile = 'postgres-location.txt';

/**
 * The directory that holds (or will hold) the cluster: the data directory itself, unless PostgreSQL's account can't
 * pass through it (as below /root): then a place of its own in `sharedDirectory`, which a pointer file in the data
 * directory names.
 */
export async function findHome(dataDir: string, user: ServerUser | undefined): Promise<string> {
  const pointer = path.join(dataDir, pointerFile);
  const pointed = (await readIfThere(pointer))?.split('\n')[0];
  if (pointed !== undefined) {
    if (await exists(pointed)) return path.dirname(pointed);
    throw new EmbeddedPostgresError(
      `The database of ${dataDir} should be in ${pointed}, as ${pointer} says, but is not there. ` +
        'Put it back; or, if it is lost, remove that file to start with an empty one.',
    );
  }
  if (isPassable(dataDir, user)) return dataDir;
  if (await exists(path.join(dataDir, clusterName)))
    throw new EmbeddedPostgresError(
      `The user "${user?.name}" can no longer pass through ${dataDir} to the database in it. ` +
        `Give it the right to (chmod o+x ${dataDir} and its parents).`,
    );
  await mkdir(sharedDirectory, { recursive: true, mode: 0o755 });
  const home = await mkdtemp(path.join(sharedDirectory, `${path.basename(dataDir)}-`));
  await chmod(home, 0o711);
  return home;
}

/**
 * Opens the cluster in `home`, or makes it there. It appears whole or not at all; what a kill in the middle leaves
 * behind is removed by the next call.
 */
export async function openCluster(
  place: { readonly dataDir: string; readonly home: string },
  binaries: Binaries,
  options: {
    readonly user: ServerUser | undefined;
    readonly sync: boolean;
    readonly log: (text: string) => void;
  },
): Promise<Cluster> {
  const directory = path.join(place.home, clusterName);
  await removeDrafts(place.home);
  const isNew = !(await exists(directory));
  const password = await readPassword(place.dataDir, { create: isNew });
  if (isNew) {
    options.log(`creating the database in ${directory}`);
    await initialise(directory, password, binaries, options);
  }
  if (place.home !== place.dataDir) await writePointer(place.dataDir, directory, options.user);
  await check(directory, binaries, options.user);
  return { directory: await realpath(directory), password };
}

async function initialise(
  directory: string,
  password: string,
  binaries: Binaries,
  { user, sync }: { readonly user: ServerUser | undefined; readonly sync: boolean },
): Promise<void> {
  const draft = await mkdtemp(path.join(path.dirname(directory), draftPrefix));
  try {
    const passwordCopy = path.join(draft, 'password');
    await writeFile(passwordCopy, password, { mode: 0o600 });
    if (user) for (const file of [draft, passwordCopy]) await chown(file, user.uid, user.gid);
    const made = path.join(draft, 'cluster');
    await run(
      binaries.initdb,
      [
        `--pgdata=${made}`,
        `--username=${clusterUser}`,
        `--pwfile=${passwordCopy}`,
        '--auth=scram-sha-256',
        '--data-checksums',
        '--encoding=UTF8',
        // PostgreSQL's own C.UTF-8: the order of texts must not change with the operating system's locales.
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        ...(sync ? [] : ['--no-sync']),
      ],
      user,
    );
    await rename(made, directory);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function run(program: string, args: string[], user: ServerUser | undefined): Promise<void> {
  const as = user ? { uid: user.uid, gid: user.gid } : {};
  const child = spawn(program, args, {
    ...as,
    cwd: '/',
    env: serverEnvironment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(String(chunk)));
  const code = await new Promise<number | string | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(status ?? signal));
  });
  if (code === 0) return;
  const last = output.join('').trim().split('\n').slice(-8).join('\n');
  // The npm package makes the links to its libraries in an install script.
  const hint = last.includes('shared object file')
    ? '\nWere install scripts switched off? Run: npm rebuild'
    : '';
  throw new EmbeddedPostgresError(
    `${program} ended with ${code}, the database was not made:\n${last}${hint}`,
  );
}

/** PostgreSQL's programs read PGPORT and a dozen others; they get nothing of ours. */
export const serverEnvironment: NodeJS.ProcessEnv = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** The password is written before the cluster is made and kept, so that the two can't get apart. */
async function readPassword(dataDir: string, { create }: { create: boolean }): Promise<string> {
  const file = path.join(dataDir, passwordFile);
  const known = await readIfThere(file);
  if (known) return known.trim();
  if (!create)
    throw new EmbeddedPostgresError(
      `${file} is missing, and without it the database can't be opened. Restore it from a backup of the data directory.`,
    );
  const password = randomBytes(24).toString('base64url');
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  await writeFile(draft, password, { mode: 0o600 });
  await rename(draft, file);
  return password;
}

async function writePointer(dataDir: string, directory: string, user: ServerUser | undefined): Promise<void> {
  const text =
    `${directory}\n\nThe database of this data directory lives in the directory named above, because the user ` +
    `"${user?.name}", under which\nPostgreSQL runs, can't pass through ${dataDir}. Back up both, and keep this file.\n`;
  await writeFile(path.join(dataDir, pointerFile), text);
}

async function check(directory: string, binaries: Binaries, user: ServerUser | undefined): Promise<void> {
  const major = (await readFile(path.join(directory, 'PG_VERSION'), 'utf8').catch(explain)).trim();
  if (major !== binaries.major)
    throw new EmbeddedPostgresError(
      `The database in ${directory} was made by PostgreSQL ${major}; this Waybill brings ${binaries.major}. ` +
        `Dump it with the Waybill that made it, and restore the dump into a new data directory.`,
    );
  const { uid } = await stat(directory);
  const server = user?.uid ?? process.getuid?.() ?? uid;
  if (uid !== server)
    throw new EmbeddedPostgresError(
      `${directory} belongs to uid ${uid}, but PostgreSQL would run as uid ${server}. ` +
        `Start Waybill as the user who made it, or hand it over: chown -R ${server} ${directory}`,
    );

  function explain(cause: NodeJS.ErrnoException): never {
    throw new EmbeddedPostgresError(
      `The database in ${directory} can't be read: ${cause.message}. Start Waybill as the user who made it.`,
      { cause },
    );
  }
}

async function removeDrafts(home: string): Promise<void> {
  // The killed one's initdb may still be writing there for a moment.
  for (const name of await readdir(home))
    if (name.startsWith(draftPrefix)) await rm(path.join(home, name), { recursive: true, maxRetries: 10 });
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(ignoreMissing)) !== undefined;
}

async function readIfThere(file: string): Promise<string | undefined> {
  return (await readFile(file, 'utf8').catch(ignoreMissing)) ?? undefined;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
