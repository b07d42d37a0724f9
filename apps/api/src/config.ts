import { type Environment, readSettings } from '@waybill/program';

export interface ApiConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  /** Base64: credentials are sealed with it. */
  readonly masterKey: string;
  readonly host: string;
  readonly port: number;
  /** Whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: string | undefined;
  readonly logLevel: string;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** @throws SettingsRefused naming every setting that is missing or wrong */
export function readApiConfig(environment: Environment = process.env): ApiConfig {
  return readSettings(environment, (from) => ({
    databaseUrl: from.required('DATABASE_URL', 'the PostgreSQL that holds the definitions'),
    redisUrl: from.optional('REDIS_URL'),
    masterKey: from.required('WAYBILL_MASTER_KEY', 'the key to seal credentials with, in base64'),
    host: from.text('WAYBILL_HOST', '127.0.0.1'),
    port: from.integer('WAYBILL_PORT', 8080, { min: 0, max: 65_535 }),
    trustedProxies: from.optional('WAYBILL_TRUSTED_PROXIES'),
    logLevel: from.choice('WAYBILL_LOG_LEVEL', 'info', LOG_LEVELS),
  }));
}
