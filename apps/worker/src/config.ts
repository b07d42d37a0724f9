import { hostname } from 'node:os';
import { type Environment, readSettings, type SettingsReader } from '@waybill/program';
import { type MasterKey, parseMasterKey } from '@waybill/secrets';
import { type LogLevel, logLevels } from '@waybill/telemetry';
import type { WorkerOptions } from './worker.js';

export interface WorkerConfig extends WorkerOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  /** Credentials are opened with it. */
  readonly masterKey: MasterKey;
  readonly logLevel: LogLevel;
}

/** @throws SettingsRefused naming every setting that is missing or wrong */
export function readWorkerConfig(environment: Environment = process.env): WorkerConfig {
  return readSettings(environment, (from) => ({
    databaseUrl: from.required('DATABASE_URL', 'the PostgreSQL that holds the runs'),
    redisUrl: from.optional('REDIS_URL'),
    masterKey: from.parsed(
      'WAYBILL_MASTER_KEY',
      'the key that the API seals credentials with, in base64',
      (text) => parseMasterKey(text, 'WAYBILL_MASTER_KEY'),
    ),
    ...readWorkerOptions(from),
    logLevel: from.choice('WAYBILL_LOG_LEVEL', 'info', logLevels),
  }));
}

/** What a worker may be told, whether it runs by itself or inside `waybill up`. */
export function readWorkerOptions(from: SettingsReader): WorkerOptions {
  return {
    name: from.text('WAYBILL_WORKER_NAME', hostname()),
    pools: from.list('WAYBILL_POOLS', ['default']),
    concurrency: from.integer('WAYBILL_CONCURRENCY', 4, { min: 1, max: 100 }),
    leaseMs: from.integer('WAYBILL_LEASE_MS', 30_000, { min: 1_000, max: 600_000 }),
    graceMs: from.integer('WAYBILL_GRACE_MS', 10_000, { min: 0, max: 3_600_000 }),
    sweepAfterMs: from.integer('WAYBILL_SWEEP_AFTER_HOURS', 24, { min: 0, max: 8_760 }) * 3_600_000,
  };
}
