import { timeZone } from '../time-zone.js';
import type { EndpointKind } from '../transfer.js';
import type { BandwidthRule, EndpointLimits, MaintenanceWindow } from './limits.js';

/** What is wrong, and in which member: a JSON pointer below the limits. */
export interface LimitsProblem {
  readonly at: string;
  readonly why: string;
}

/** Why an endpoint of that kind cannot have these limits; undefined if it can. */
export function whyLimitsRefused(kind: EndpointKind, limits: EndpointLimits): LimitsProblem | undefined {
  if (limits.maxConnections !== undefined && kind !== 'sftp')
    return {
      at: '/maxConnections',
      why: `an endpoint of kind ${kind} holds no connections open; limit its runs by maxRuns`,
    };
  return (
    firstProblem('/bandwidth', limits.bandwidth ?? [], whyBandwidthRefused) ??
    firstProblem('/maintenance', limits.maintenance ?? [], whyMaintenanceRefused)
  );
}

function firstProblem<T>(at: string, list: readonly T[], whyRefused: (one: T) => string | undefined) {
  for (const [i, one] of list.entries()) {
    const why = whyRefused(one);
    if (why !== undefined) return { at: `${at}/${i}`, why };
  }
  return undefined;
}

function whyBandwidthRefused({ from, to, days, zone }: BandwidthRule): string | undefined {
  if ((from === undefined) !== (to === undefined)) return 'give both from and to, or neither';
  const timed = from !== undefined || days !== undefined;
  if (timed !== (zone !== undefined))
    return timed
      ? 'a time or a day needs a zone, such as Europe/Berlin: workers may run in several'
      : 'a zone is for a time or a day: give from and to, or days, or leave it out';
  return whyTimeRefused(from, to, zone);
}

function whyMaintenanceRefused(window: MaintenanceWindow): string | undefined {
  if (!('startsAt' in window)) return whyTimeRefused(window.from, window.to, window.zone);
  if (new Date(window.startsAt) < new Date(window.endsAt)) return undefined;
  return `it ends at ${window.endsAt}, which is not after its start at ${window.startsAt}`;
}

function whyTimeRefused(
  from: string | undefined,
  to: string | undefined,
  zone: string | undefined,
): string | undefined {
  if (from !== undefined && from === to)
    return `it begins and ends at ${from}; write 00:00 to 24:00 for a whole day`;
  return zone === undefined || isZone(zone)
    ? undefined
    : `"${zone}" is not an IANA time zone such as Europe/Berlin`;
}

function isZone(zone: string): boolean {
  try {
    timeZone(zone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
