import type { Share } from '@waybill/db';
import { bandwidthAt, type Id, maintenanceEnd, maintenanceMessage } from '@waybill/domain';
import { Throttle } from '@waybill/storage';

/** How fast an attempt may go at each of its endpoints: an equal share for each run that is executed there. */
export class EndpointShares {
  readonly #throttles = new Map<Id, Throttle>();
  readonly #newThrottle: () => Throttle;

  constructor(shares: readonly Share[], now: Date, newThrottle = () => new Throttle()) {
    this.#newThrottle = newThrottle;
    this.divide(shares, now);
  }

  /** As it is told with each renewal of the lease. */
  divide(shares: readonly Share[], now: Date): void {
    for (const { endpointId, limits, runs } of shares) {
      const bytesPerSecond = bandwidthAt(limits.bandwidth ?? [], now);
      this.throttleOf(endpointId).rate = bytesPerSecond && bytesPerSecond / Math.max(1, runs);
    }
  }

  /** One for all that the attempt does at the endpoint. */
  throttleOf(endpointId: Id): Throttle {
    const throttle = this.#throttles.get(endpointId) ?? this.#newThrottle();
    this.#throttles.set(endpointId, throttle);
    return throttle;
  }
}

/** Why no run may be at one of these endpoints now; undefined if runs may. */
export function whyInMaintenance(shares: readonly Share[], now: Date): string | undefined {
  for (const { name, limits } of shares) {
    const end = maintenanceEnd(limits.maintenance ?? [], now);
    if (end) return maintenanceMessage(name, end);
  }
  return undefined;
}
