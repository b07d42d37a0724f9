import { type Environment, readSettings } from '@waybill/program';
import { type LogLevel, logLevels } from '@waybill/telemetry';

export interface SchedulerConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  readonly logLevel: LogLevel;
}

/** @throws SettingsRefused naming every setting that is missing or wrong */
export function readSchedulerConfig(environment: Environment = process.env): SchedulerConfig {
  return readSettings(environment, (from) => ({
    databaseUrl: from.required('DATABASE_URL', 'the PostgreSQL that holds the schedules'),
    redisUrl: from.optional('REDIS_URL'),
    logLevel: from.choice('WAYBILL_LOG_LEVEL', 'info', logLevels),
  }));
}
