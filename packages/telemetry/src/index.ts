import { type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

export interface LoggerOptions {
  /** Which part of Waybill speaks: `api`, `scheduler`, `worker`, `up`. */
  readonly name: string;
  /** `trace` … `fatal`, or `silent`. */
  readonly level: string;
}

/** JSON lines on standard error, so that standard output stays free for what was asked for. */
export function createLogger({ name, level }: LoggerOptions): Logger {
  return pino(
    { name, level, redact: ['password', 'privateKey', 'passphrase', '*.password'] },
    pino.destination(2),
  );
}
