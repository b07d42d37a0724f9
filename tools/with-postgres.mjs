// Runs a command with DATABASE_URL of a throw-away, migrated PostgreSQL: node tools/with-postgres.mjs COMMAND…
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { withPostgres } from './throw-away-postgres.mjs';

const [command, ...args] = process.argv.slice(2);
if (!command) {
  console.error('usage: node tools/with-postgres.mjs COMMAND [ARGUMENT…]');
  process.exit(2);
}
// Ctrl-C reaches the command too; what it does about that is what counts.
process.on('SIGINT', () => {});
process.exitCode = await withPostgres(async (url, { migrate }) => {
  await migrate(url);
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, DATABASE_URL: url } });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, 'exit');
  return code ?? 1;
});
