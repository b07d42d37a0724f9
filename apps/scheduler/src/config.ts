import { type Environment, readSettings } from '@waybill/program';

export interface SchedulerConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  readonly logLevel: string;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** @throws SettingsRefused naming every setting that is missing or wrong */
export function readSchedulerConfig(environment: Environment = process.env): SchedulerConfig {
  return readSettings(environment, (from) => ({
    databaseUrl: from.required('DATABASE_URL', 'the PostgreSQL that holds the schedules'),
    redisUrl: from.optional('REDIS_URL'),
    logLevel: from.choice('WAYBILL_LOG_LEVEL', 'info', LOG_LEVELS),
  }));
}
