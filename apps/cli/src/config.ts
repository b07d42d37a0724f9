import path from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says; the only place that knows the variables' names. */
export interface Config {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
  /** Absolute. */
  readonly dataDir: string;
  /** https://no-color.org */
  readonly noColor: boolean;
  /** All of it, for the service that `waybill up` hosts. */
  readonly environment: Environment;
}

export function readConfig(environment: Environment = process.env): Config {
  return {
    url: environment.WAYBILL_URL || undefined,
    apiKey: environment.WAYBILL_API_KEY || undefined,
    dataDir: path.resolve(environment.WAYBILL_DATA_DIR || '.waybill'),
    noColor: Boolean(environment.NO_COLOR),
    environment,
  };
}
