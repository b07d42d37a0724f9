import { spawnSync } from 'node:child_process';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

/** The account that PostgreSQL runs under where we are root: it refuses to run as root. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const userName = 'postgres';

/** `undefined` where PostgreSQL runs as ourselves. Makes the account if we are root and there is none. */
export function findServerUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return lookUp() ?? create();
}

function lookUp(): ServerUser | undefined {
  const ask = (flag: string) => spawnSync('id', [flag, userName], { encoding: 'utf8' });
  const uid = ask('-u');
  if (uid.status !== 0) return undefined;
  return { name: userName, uid: Number(uid.stdout), gid: Number(ask('-g').stdout) };
}

function create(): ServerUser {
  const args = ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', userName];
  const made = spawnSync('useradd', args, { encoding: 'utf8' });
  const user = lookUp();
  if (user) return user;
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and the user "${userName}" could not be made ` +
      `(${made.error?.message ?? made.stderr.trim()}). Make that user, or start Waybill as an ordinary user.`,
  );
}

/** May PostgreSQL's account read all of these files and directories, and enter or execute them where that applies? */
export function isReachable(paths: readonly string[], user: ServerUser | undefined): boolean {
  return holds('for p do test -r "$p" && { test ! -d "$p" || test -x "$p"; } || exit 1; done', paths, user);
}

/** May PostgreSQL's account pass through `directory` to something inside that it owns? */
export function isPassable(directory: string, user: ServerUser | undefined): boolean {
  return holds('test -x "$1"', [directory], user);
}

/** Asked of the system by trying as that account, because parents' modes, access lists and mounts all have a say. */
function holds(condition: string, paths: readonly string[], user: ServerUser | undefined): boolean {
  const as = user ? { uid: user.uid, gid: user.gid } : {};
  const args = ['-c', condition, 'sh', ...paths];
  return spawnSync('/bin/sh', args, { ...as, cwd: '/', stdio: 'ignore' }).status === 0;
}
