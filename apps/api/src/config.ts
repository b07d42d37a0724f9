import { type Environment, readSettings } from '@waybill/program';
import { type MasterKey, parseMasterKey } from '@waybill/secrets';
import { type LogLevel, logLevels } from '@waybill/telemetry';

export interface ApiConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  /** Credentials are sealed with it. */
  readonly masterKey: MasterKey;
  readonly host: string;
  readonly port: number;
  /** Whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: string | undefined;
  readonly logLevel: LogLevel;
}

/** @throws SettingsRefused naming every setting that is missing or wrong */
export function readApiConfig(environment: Environment = process.env): ApiConfig {
  return readSettings(environment, (from) => ({
    databaseUrl: from.required('DATABASE_URL', 'the PostgreSQL that holds the definitions'),
    redisUrl: from.optional('REDIS_URL'),
    masterKey: from.parsed('WAYBILL_MASTER_KEY', 'the key to seal credentials with, in base64', (text) =>
      parseMasterKey(text, 'WAYBILL_MASTER_KEY'),
    ),
    host: from.text('WAYBILL_HOST', '127.0.0.1'),
    port: from.integer('WAYBILL_PORT', 8022, { min: 0, max: 65_535 }),
    trustedProxies: from.optional('WAYBILL_TRUSTED_PROXIES'),
    logLevel: from.choice('WAYBILL_LOG_LEVEL', 'info', logLevels),
  }));
}
