import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Environment } from '../config.js';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { formatDuration } from '../format.js';
import { given, wholeNumber } from '../options.js';

interface UpOptions {
  readonly host?: string;
  readonly port?: number;
}

/** The commands that hold the service itself: what it is made of is loaded by them alone. */
export function addHostCommands(program: Command, context: Context): void {
  program
    .command('up')
    .description(
      'run the whole service in this process, on an embedded PostgreSQL unless DATABASE_URL is set',
    )
    .option('--host <address>', 'where the API listens (127.0.0.1)')
    .option('--port <port>', 'and on which port; 0 takes a free one (8022)', wholeNumber)
    .action(async ({ host, port }: UpOptions) => {
      const { hostUp, settings } = await loadHost(context, {
        WAYBILL_HOST: host,
        WAYBILL_PORT: port === undefined ? undefined : String(port),
      });
      const service = await hostUp(settings).catch(startFailed);
      try {
        printAddress(context, service.url);
        if (service.empty) printFirstSteps(context);
        const end = await Promise.race([service.broken, aborted(context.signal)]);
        if (end) throw new CommandFailed(exitCodes.unexpected, end.message, { cause: end });
        context.out.note(
          `Stopping: running transfers have up to ${formatDuration(settings.worker.graceMs)}. Another signal ends at once.`,
        );
      } finally {
        await service.close();
      }
    });

  program
    .command('migrate')
    .description("bring the database to this version's schema")
    .action(async () => {
      const { hostMigrate, settings } = await loadHost(context, {});
      const { out } = context;
      const migrated = await hostMigrate(settings).catch(startFailed);
      out.result(migrated, () =>
        out.line(
          migrated.applied.length === 0 ? 'Nothing to apply.' : `Applied: ${migrated.applied.join(', ')}`,
        ),
      );
    });
}

async function loadHost({ config, dataDir }: Context, options: Environment) {
  const { hostMigrate, hostUp, readHostSettings } = await import('../host.js');
  const environment = { ...config.environment, WAYBILL_DATA_DIR: dataDir, ...given(options) };
  try {
    return { hostMigrate, hostUp, settings: readHostSettings(environment) };
  } catch (cause) {
    throw new CommandFailed(exitCodes.invalid, (cause as Error).message, { cause });
  }
}

/** By name, because their classes are loaded with the service alone. */
const REFUSALS = ['DataDirectoryRefused', 'EmbeddedPostgresError', 'MasterKeyRefused', 'MigrationRefused'];

/** What the machine or its settings refuse, such as a port in use, is told without a stack trace. */
function startFailed(cause: Error & { code?: unknown }): never {
  if (!REFUSALS.includes(cause.name) && typeof cause.code !== 'string') throw cause;
  throw new CommandFailed(exitCodes.unexpected, `cannot start: ${cause.message}`, { cause });
}

/** Resolves on Ctrl-C or SIGTERM. */
async function aborted(signal: AbortSignal): Promise<undefined> {
  // 2^31-1 ms, the longest that a timer can wait: it keeps the process alive as well.
  while (!signal.aborted) await sleep(2 ** 31 - 1, undefined, { signal }).catch(() => undefined);
}

function printAddress({ out, dataDir }: Context, url: string): void {
  out.note(
    `\nWaybill is up: ${url}\n` +
      `The key of this machine's command line stands in ${dataDir}/cli.json. Stop by Ctrl-C.\n`,
  );
}

function printFirstSteps({ out, dataDir }: Context): void {
  // The other terminal may not know of it.
  const elsewhere = dataDir === path.resolve('.waybill') ? '' : ` --data-dir ${dataDir}`;
  out.note(
    `Define the first exchange, in another terminal:

  npx waybill${elsewhere} partner add acme --title "ACME Corp."
  npx waybill${elsewhere} endpoint add acme-sftp --partner acme --host sftp.acme.example --username me
  npx waybill${elsewhere} endpoint trust acme-sftp --key "ssh-ed25519 AAAA…"
  npx waybill${elsewhere} endpoint credential acme-sftp --kind private-key --file ~/.ssh/id_ed25519
  npx waybill${elsewhere} endpoint add inbox --local /srv/inbox    # a directory that exists
  npx waybill${elsewhere} transfer add acme-in --from acme-sftp:out --to inbox:acme --include "*.csv"
  npx waybill${elsewhere} transfer run acme-in --wait
`,
  );
}
