import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readVersion, startApi } from '@waybill/api';
import { listTransfers, openDatabase } from '@waybill/db';
import { startEmbeddedPostgres } from '@waybill/db/embedded';
import { migrate } from '@waybill/db/migrate';
import { createMailer } from '@waybill/notify';
import { abandonLeases, type Context, recordService } from '@waybill/operations';
import { Closing } from '@waybill/program';
import { openQueueSystem } from '@waybill/queue';
import { startScheduler } from '@waybill/scheduler';
import {
  createSigner,
  createVault,
  loadMasterKeyFile,
  type MasterKey,
  parseMasterKey,
} from '@waybill/secrets';
import { createLogger, type Logger } from '@waybill/telemetry';
import { startWorker } from '@waybill/worker';
import { refreshCommandLineAccess } from './host/command-line-key.js';
import type { HostSettings } from './host/settings.js';

export { type HostSettings, readHostSettings } from './host/settings.js';

/** Everything of Waybill, running in this process. */
export interface Host {
  /** Of the API. */
  readonly url: string;
  /** A key with all scopes; it stands in `cli.json` of the data directory as well. */
  readonly apiKey: string;
  readonly dataDir: string;
  /** Nothing is defined yet. */
  readonly empty: boolean;
  /** Settles when the embedded database ended although nobody stopped it. */
  readonly broken: Promise<Error>;
  close(): Promise<void>;
}

/**
 * Starts API, scheduler and worker in this process, on the given PostgreSQL or on an embedded one in the data
 * directory. What was opened before something fails is closed again.
 */
export async function hostUp(settings: HostSettings): Promise<Host> {
  const log = createLogger({ name: 'up', level: settings.logLevel });
  const closing = new Closing();
  try {
    return await openAll(settings, log, closing);
  } catch (error) {
    await closing.close().catch((other) => log.error({ err: other }, 'could not close what was open'));
    throw error;
  }
}

/** Brings the database to this version's schema, and says what was applied. */
export async function hostMigrate(settings: HostSettings): Promise<{ applied: string[] }> {
  if (settings.databaseUrl !== undefined) return await migrate(settings.databaseUrl);
  const log = createLogger({ name: 'migrate', level: settings.logLevel });
  await makeDataDirectory(settings.dataDir);
  const postgres = await startEmbeddedPostgres({ dataDir: settings.dataDir, log: (text) => log.info(text) });
  try {
    return await migrate(postgres.url);
  } finally {
    await postgres.stop();
  }
}

async function openAll(settings: HostSettings, log: Logger, closing: Closing): Promise<Host> {
  const { dataDir } = settings;
  await makeDataDirectory(dataDir);
  const masterKey = await readMasterKey(settings);
  const { databaseUrl, broken } = await openPostgres(settings, log, closing);
  const { applied } = await migrate(databaseUrl);
  if (applied.length > 0) log.info({ applied }, 'database migrated');

  const database = openDatabase({ url: databaseUrl, applicationName: 'waybill-up' });
  closing.add('the database', () => database.close());
  const queue = await openQueueSystem(
    { databaseUrl, redisUrl: settings.redisUrl },
    { log: (level, message, error) => log[level]({ err: error }, message) },
  );
  closing.add('the queue', () => queue.close());

  const context: Context = { database, actor: { kind: 'system', name: 'waybill up' } };
  // On a database of its own nobody else can be alive: what a killed process left running is taken up at once.
  if (settings.databaseUrl === undefined) await abandonLeases(context);

  const version = readVersion();
  await recordService(context, 'started', { service: 'waybill up', version });
  closing.add('the record of the service', () =>
    recordService(context, 'stopped', { service: 'waybill up', version }),
  );

  const vault = createVault(masterKey);
  const mailer = settings.mail && createMailer(settings.mail);
  const scheduler = startScheduler({
    ...{ database, queue, vault, mailer },
    log: log.child({ part: 'scheduler' }),
  });
  closing.add('the scheduler', () => scheduler.close());
  const worker = await startWorker(
    { database, vault, queue, signals: queue.signals, log: log.child({ part: 'worker' }) },
    settings.worker,
  );
  closing.add('the worker', () => worker.close());
  const api = await startApi(
    {
      database,
      vault,
      signer: createSigner(masterKey),
      queue: queue.queue,
      signals: queue.signals,
      log: log.child({ part: 'api' }),
      version,
    },
    settings,
  );
  closing.add('the API', () => api.close());
  const { url, apiKey } = await refreshCommandLineAccess(context, dataDir, api.url);
  log.info({ url, dataDir, queue: queue.backend }, 'Waybill is up');
  const empty = (await listTransfers(database, { limit: 1 })).items.length === 0;
  return { url, apiKey, dataDir, empty, broken, close: () => closing.close() };
}

export class DataDirectoryRefused extends Error {
  override readonly name = 'DataDirectoryRefused';
}

/**
 * 0711: as root, PostgreSQL runs as another user and has to pass through. Each file inside has its own mode. Parents are
 * not made: a typing error in the path should not become a new, empty service. (And Node's recursive mkdir never
 * returns below /proc.)
 */
async function makeDataDirectory(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { mode: 0o711 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const hint = code === 'ENOENT' ? 'make the directory above it first' : String(code);
    throw new DataDirectoryRefused(`the data directory ${dataDir} cannot be made: ${hint}`, { cause });
  }
}

async function readMasterKey({ masterKey, dataDir }: HostSettings): Promise<MasterKey> {
  if (masterKey !== undefined) return parseMasterKey(masterKey, 'WAYBILL_MASTER_KEY');
  return await loadMasterKeyFile(join(dataDir, 'master.key'));
}

async function openPostgres(
  { databaseUrl, dataDir }: HostSettings,
  log: Logger,
  closing: Closing,
): Promise<{ databaseUrl: string; broken: Promise<Error> }> {
  if (databaseUrl !== undefined) return { databaseUrl, broken: new Promise(() => {}) };
  const postgres = await startEmbeddedPostgres({ dataDir, log: (text) => log.info(text) });
  let stopping = false;
  closing.add('the embedded PostgreSQL', () => {
    stopping = true;
    return postgres.stop();
  });
  const broken = new Promise<Error>((resolve) => {
    void postgres.exited.then((how) => {
      if (!stopping)
        resolve(new Error(`the embedded PostgreSQL ended: ${how}; see ${join(dataDir, 'postgres.log')}`));
    });
  });
  return { databaseUrl: postgres.url, broken };
}
