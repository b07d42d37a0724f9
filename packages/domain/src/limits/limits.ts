export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

/**
 * A time that comes again every day, on the clocks of a zone. One whose `to` is before its `from` goes over midnight
 * and belongs to the day on which it begins.
 */
export interface DailyWindow {
  /** `HH:mm`. */
  readonly from: string;
  /** `HH:mm`; `24:00` is the end of the day. */
  readonly to: string;
  /** The days on which it begins; every day if left out. */
  readonly days?: readonly Weekday[] | undefined;
  /** IANA name, such as `Europe/Berlin`. */
  readonly zone: string;
}

/** A time that comes once. ISO 8601 with offset or Z. */
export interface DatedWindow {
  readonly startsAt: string;
  readonly endsAt: string;
}

export type MaintenanceWindow = DailyWindow | DatedWindow;

/** How fast, and when: always if it names no time, on whole days if it names days alone. */
export interface BandwidthRule {
  /** Both directions and all runs together. */
  readonly bytesPerSecond: number;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly days?: readonly Weekday[] | undefined;
  /** Wherever there is a time or a day. */
  readonly zone?: string | undefined;
}

/** What all workers together may do with an endpoint. Nothing is limited by what is left out. */
export interface EndpointLimits {
  /** Runs executed at once. */
  readonly maxRuns?: number | undefined;
  /** Connections that runs have open at once, of an SFTP account. */
  readonly maxConnections?: number | undefined;
  /** The first rule whose time it is counts. */
  readonly bandwidth?: readonly BandwidthRule[] | undefined;
  /** When nothing is to be done there. */
  readonly maintenance?: readonly MaintenanceWindow[] | undefined;
}
