export const catchUpRules = ['skip', 'latest', 'all'] as const;
/** What happens with occurrences that fell due while no scheduler ran. */
export type CatchUpRule = (typeof catchUpRules)[number];

/** When a transfer runs. */
export interface ScheduleRule {
  /** Five crontab fields: minute, hour, day of month, month, day of week. */
  readonly cron: string;
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string;
}
