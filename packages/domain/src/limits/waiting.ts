import { admitted, type Breaker } from './breaker.js';
import type { EndpointLimits } from './limits.js';
import { maintenanceEnd } from './windows.js';

export const waitReasons = [
  'transfer-busy',
  'maintenance',
  'suspended',
  'max-runs',
  'max-connections',
  'fair-share',
] as const;
/** Why a queued run is not executed although its time has come. */
export type WaitReason = (typeof waitReasons)[number];

export interface Wait {
  readonly reason: WaitReason;
  /** For people. */
  readonly message: string;
  /** Left out: until what it waits for has ended, which nobody can tell. */
  readonly until?: Date | undefined;
}

/** An endpoint that a run needs, and who is there. Without the run itself. */
export interface Place {
  readonly name: string;
  readonly limits: EndpointLimits;
  readonly breaker: Breaker | undefined;
  /** Runs that are executed there. */
  readonly runs: number;
  /** Those of them that began since the breaker's state did. */
  readonly trials: number;
  /** Connections that runs and probes have open. */
  readonly connections: number;
  /** Connections that the run would open. */
  readonly needs: number;
  /** Runs of the run's pool that are executed there. */
  readonly runsOfPool: number;
  /** Runs that the workers of that pool can execute at once. */
  readonly slotsOfPool: number;
  /** Older runs of that pool that wait for this place. */
  readonly before: number;
  /** Older runs of that pool that have passed this place, and wait for another one first in its line, for long. */
  readonly reserved: number;
  /** A directory, or a jump host on the way: it need leave no slot of the pool to others. */
  readonly common: boolean;
}

/** Why a run has to wait for a place; undefined if it may go there. */
export function whyWaitFor(place: Place, now: Date): Wait | undefined {
  return duringMaintenance(place, now) ?? whileSuspended(place, now) ?? whileFull(place);
}

/** How many further runs there is room for, up to `most`. */
export function roomAt(place: Place, now: Date, most: number): number {
  for (let room = 0; room < most; room++)
    if (whyWaitFor(withMore({ ...place, before: 0 }, room), now)) return room;
  return most;
}

function withMore(place: Place, runs: number): Place {
  return {
    ...place,
    runs: place.runs + runs,
    trials: place.trials + runs,
    connections: place.connections + runs,
    runsOfPool: place.runsOfPool + runs,
  };
}

function duringMaintenance({ name, limits }: Place, now: Date): Wait | undefined {
  const until = maintenanceEnd(limits.maintenance ?? [], now);
  return until && { reason: 'maintenance', message: maintenanceMessage(name, until), until };
}

export function maintenanceMessage(name: string, until: Date): string {
  return `endpoint ${name} is in maintenance until ${until.toISOString()}`;
}

function whileSuspended({ name, breaker, trials }: Place, now: Date): Wait | undefined {
  const admits = admitted(breaker, now);
  if (breaker === undefined || admits === 'all' || (admits === 'one' && trials === 0)) return undefined;
  const until = admits === 'none' ? breaker.until : undefined;
  return { reason: 'suspended', message: suspendedMessage(name, breaker, now), until };
}

/** Why runs wait for an endpoint that does not admit all. */
export function suspendedMessage(name: string, breaker: Breaker, now: Date): string {
  const { until, failure } = breaker;
  const what =
    admitted(breaker, now) === 'one'
      ? `another run tries whether endpoint ${name} works`
      : `endpoint ${name} is suspended${until ? ` until ${until.toISOString()}` : '; set its credential again, or resume it'}`;
  return failure ? `${what}: ${failure.code}: ${failure.message}` : what;
}

/** Who is behind in the line leaves the places that are free to those before. */
function whileFull(place: Place): Wait | undefined {
  const { name, limits, runs, connections, needs } = place;
  const { maxRuns, maxConnections } = limits;
  const before = place.before + place.reserved;
  if (maxRuns !== undefined && runs + before >= maxRuns)
    return { reason: 'max-runs', message: `endpoint ${name} takes ${countOf(maxRuns, 'run')} at once` };
  // What needs more than there are goes alone.
  if (maxConnections !== undefined && connections + before + needs > Math.max(maxConnections, needs))
    return {
      reason: 'max-connections',
      message: `endpoint ${name} takes ${countOf(maxConnections, 'connection')} at once`,
    };
  return maxRuns === undefined ? beyondFairShare(place) : undefined;
}

/** One slow partner may not take all workers: one slot of the pool stays for others. */
function beyondFairShare({ name, before, reserved, ...place }: Place): Wait | undefined {
  const { runsOfPool, slotsOfPool, common } = place;
  if (common || slotsOfPool < 2 || runsOfPool + before + reserved < slotsOfPool - 1) return undefined;
  return {
    reason: 'fair-share',
    message: `endpoint ${name} has ${slotsOfPool - 1} of the ${slotsOfPool} slots of the pool; set its maxRuns to allow more`,
  };
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
