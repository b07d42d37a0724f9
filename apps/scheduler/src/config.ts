import type { MailSettings } from '@waybill/notify';
import { type Environment, readSettings, type SettingsReader } from '@waybill/program';
import { type LogLevel, logLevels } from '@waybill/telemetry';

export interface SchedulerConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  /** Opens the keys that sign webhooks. */
  readonly masterKey: string | undefined;
  readonly mail: MailSettings | undefined;
  readonly logLevel: LogLevel;
}

/** @throws SettingsRefused naming every setting that is missing or wrong */
export function readSchedulerConfig(environment: Environment = process.env): SchedulerConfig {
  return readSettings(environment, (from) => ({
    databaseUrl: from.required('DATABASE_URL', 'the PostgreSQL that holds the schedules'),
    redisUrl: from.optional('REDIS_URL'),
    masterKey: from.optional('WAYBILL_MASTER_KEY'),
    mail: readMailSettings(from),
    logLevel: from.choice('WAYBILL_LOG_LEVEL', 'info', logLevels),
  }));
}

/** The mail server that notifications go through; `undefined` where none is set. */
export function readMailSettings(from: SettingsReader): MailSettings | undefined {
  const smtpUrl = from.optional('WAYBILL_SMTP_URL');
  if (smtpUrl === undefined) return undefined;
  return {
    smtpUrl: from.parsed('WAYBILL_SMTP_URL', 'the mail server', parseSmtpUrl),
    from: from.required('WAYBILL_MAIL_FROM', 'the sender of mail, such as waybill@example.com'),
  };
}

function parseSmtpUrl(text: string): string {
  const { protocol, hostname } = URL.canParse(text) ? new URL(text) : { protocol: '', hostname: '' };
  if (!['smtp:', 'smtps:'].includes(protocol) || hostname === '')
    throw new Error('WAYBILL_SMTP_URL is no address such as smtp://user:password@mail.example.com:587');
  return text;
}
