import { resolve } from 'node:path';
import type { MailSettings } from '@waybill/notify';
import { type Environment, readSettings } from '@waybill/program';
import { readMailSettings } from '@waybill/scheduler';
import { type LogLevel, logLevels } from '@waybill/telemetry';
import { readWorkerOptions, type WorkerOptions } from '@waybill/worker';

/** What `waybill up` and `waybill migrate` need to know. */
export interface HostSettings {
  /** Absolute. Holds the embedded database, the master key and the command line's key. */
  readonly dataDir: string;
  /** Address and port of the API; port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** Given: that PostgreSQL is used instead of the embedded one. */
  readonly databaseUrl: string | undefined;
  /** Given: the queue runs on Redis instead of PostgreSQL. */
  readonly redisUrl: string | undefined;
  /** Base64; `undefined`: the file `master.key` in the data directory, made on first use. */
  readonly masterKey: string | undefined;
  /** The mail server that notifications go through. */
  readonly mail: MailSettings | undefined;
  readonly worker: WorkerOptions;
  readonly logLevel: LogLevel;
}

/** @throws SettingsRefused naming every setting that is wrong */
export function readHostSettings(environment: Environment = process.env): HostSettings {
  return readSettings(environment, (from) => ({
    dataDir: resolve(from.text('WAYBILL_DATA_DIR', '.waybill')),
    host: from.text('WAYBILL_HOST', '127.0.0.1'),
    port: from.integer('WAYBILL_PORT', 8022, { min: 0, max: 65_535 }),
    databaseUrl: from.optional('DATABASE_URL'),
    redisUrl: from.optional('REDIS_URL'),
    masterKey: from.optional('WAYBILL_MASTER_KEY'),
    mail: readMailSettings(from),
    worker: readWorkerOptions(from),
    logLevel: from.choice('WAYBILL_LOG_LEVEL', 'info', logLevels),
  }));
}
