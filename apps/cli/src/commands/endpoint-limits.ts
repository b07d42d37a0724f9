import type { Asked, Endpoint } from '@waybill/contract';
import type { Command } from 'commander';
import { formatBytes, formatTime } from '../format.js';
import { given, positive, readJson } from '../options.js';

export interface LimitsOptions {
  readonly limitsFile?: string;
  readonly maxRuns?: number;
  readonly maxConnections?: number;
}

type Limits = NonNullable<Asked<'createEndpoint', 'body'>['limits']>;

export function addLimitsOptions(command: Command): Command {
  return command
    .option('--max-runs <n>', 'runs that may be executed there at once', positive)
    .option('--max-connections <n>', 'connections to an SFTP account that may be open at once', positive)
    .option(
      '--limits-file <file>',
      'all limits as JSON, in the place of those there were: bandwidth, maintenance, maxRuns, maxConnections; {} takes them away',
    );
}

/**
 * `current` with what the options say; undefined if they say nothing.
 * @throws CommandFailed if the file cannot be read or is not JSON
 */
export async function changedLimits(current: Limits, options: LimitsOptions): Promise<Limits | undefined> {
  const { limitsFile, maxRuns, maxConnections } = options;
  const changes = given({ maxRuns, maxConnections });
  if (limitsFile !== undefined) {
    const limits = await readJson(limitsFile);
    // The service says what is wrong with it.
    return isObject(limits) ? { ...limits, ...changes } : (limits as Limits);
  }
  return Object.keys(changes).length === 0 ? undefined : { ...current, ...changes };
}

function isObject(value: unknown): value is Limits {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What an endpoint's limits are, and whether runs may go there. */
export function limitsFields({ limits, breaker }: Endpoint): Record<string, string | number | undefined> {
  return {
    'Runs at once': limits.maxRuns,
    'Connections at once': limits.maxConnections,
    Bandwidth: limits.bandwidth?.map(bandwidthShown).join('; '),
    Maintenance: limits.maintenance?.map(windowShown).join('; '),
    Breaker: breaker ? breakerShown(breaker) : undefined,
  };
}

type Shown = Endpoint['limits'];

function bandwidthShown({ bytesPerSecond, ...when }: NonNullable<Shown['bandwidth']>[number]): string {
  return [`${formatBytes(bytesPerSecond)}/s`, timeShown(when)].filter((text) => text !== '').join(' ');
}

function windowShown(window: NonNullable<Shown['maintenance']>[number]): string {
  return 'startsAt' in window ? `${window.startsAt} to ${window.endsAt}` : timeShown(window);
}

interface ShownTime {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly days?: readonly string[] | undefined;
  readonly zone?: string | undefined;
}

function timeShown({ from, to, days, zone }: ShownTime): string {
  return [days?.join(','), from && `${from}-${to}`, zone].filter(Boolean).join(' ');
}

function breakerShown({ state, failures, since, until, failure }: NonNullable<Endpoint['breaker']>): string {
  const why = failure ? `${failures} in a row did not reach it; ${failure.code}: ${failure.message}` : '';
  const what = {
    closed: 'closed',
    untried: 'untried: one run at a time tries the new credential or settings',
    open: `open since ${formatTime(since)}, ${until ? `until ${formatTime(until)}` : 'until somebody acts'}`,
  }[state];
  return why === '' ? what : `${what}; ${why}`;
}
