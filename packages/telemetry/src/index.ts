import { type Logger as PinoLogger, pino } from 'pino';
import { describeError } from './describe-error.js';

export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** Which part of Waybill speaks: `api`, `scheduler`, `worker`, `up`. */
  readonly name: string;
  readonly level: LogLevel;
}

/** JSON lines on standard error, so that standard output stays free for what was asked for. Errors go under `err`. */
export function createLogger({ name, level }: LoggerOptions): Logger {
  return pino({ name, level, serializers: { err: describeError } }, pino.destination(2));
}
