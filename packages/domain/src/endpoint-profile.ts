/**
 * What an SFTP server was seen to do for one account at one time: plain JSON. `null` is what could not be told. Dated,
 * because servers change: it may make us more careful, or spare us a try; nothing is believed only because it stands here.
 */
export interface EndpointProfile {
  /** When it was found out, by our clock: ISO 8601, UTC. */
  readonly probedAt: string;
  /** What the server calls itself, such as `OpenSSH_9.2p1`. */
  readonly software: string | null;
  /** Names of the SFTP extensions that it offers, sorted. */
  readonly extensions: readonly string[];
  /** The largest READ and WRITE in bytes that it announces. `null` if it announces none. */
  readonly limits: { readonly readBytes: number; readonly writeBytes: number } | null;

  readonly canList: boolean | null;
  readonly makesDirectories: boolean | null;
  readonly canWrite: boolean | null;
  /** A file that was written and closed is still there. Hot folders and mailboxes may take it away. */
  readonly keepsWritten: boolean | null;
  readonly canReadBack: boolean | null;
  /** What comes back are the bytes that were written. */
  readonly keepsBytes: boolean | null;
  /** A file that was read is still there. Mailboxes may give each file once. */
  readonly keepsRead: boolean | null;
  /** A file may be looked at by its name. */
  readonly canStat: boolean | null;
  /** A file may be looked at while we have it open for writing. */
  readonly canStatOpen: boolean | null;
  /** The size that is told is the number of bytes that were written. */
  readonly tellsTrueSize: boolean | null;
  /** A file can be continued at its end. */
  readonly continues: boolean | null;
  /** A file can be cut shorter. */
  readonly truncates: boolean | null;
  readonly setsTimes: boolean | null;
  readonly renames: boolean | null;
  /** Plain rename puts the new file in the place of one that exists; `false`: it refuses to, and leaves both. */
  readonly renameReplaces: boolean | null;
  /** `posix-rename@openssh.com` does; `false` also where it is not offered. */
  readonly posixRename: boolean | null;
  readonly removes: boolean | null;

  /** Steps of the times that it tells, in milliseconds; never below 1000, which is what SFTP version 3 counts in. */
  readonly timePrecisionMs: number | null;
  /** The server's clock minus ours, in milliseconds: as exact as its time steps. 0: no difference could be seen. */
  readonly clockOffsetMs: number | null;
  /** SFTP channels that one connection may open: no more were tried than the endpoint's `maxChannels`. */
  readonly channels: number | null;
  /** The server refused one more channel than that; `false`: the endpoint's `maxChannels` ended the count. */
  readonly refusesMoreChannels: boolean | null;
  /** Connections that were accepted at the same time; no more than 2 were tried. */
  readonly connections: 1 | 2 | null;
  /** That the account may still write. */
  readonly freeBytes: number | null;
  /** Hash algorithms by which the server itself can hash a file, such as `sha256`. */
  readonly hashes: readonly string[];
}

export const probeOutcomes = ['passed', 'failed', 'skipped'] as const;
/**
 * `failed`: what transfers may need does not work. `skipped`: not tried, or it could not be told. A mere peculiarity,
 * such as a rename that does not replace, is `passed`; the detail names it.
 */
export type ProbeOutcome = (typeof probeOutcomes)[number];

export interface ProbeStep {
  /** Such as `read back`. */
  readonly name: string;
  readonly outcome: ProbeOutcome;
  /** What was found, or why not: one sentence for people. Holds no secret. */
  readonly detail: string;
  readonly tookMs: number;
}

/** A change of the endpoint, or of what is asked of it, that the findings speak for. Nothing is changed by itself. */
export interface ProbeProposal {
  /** Such as `maxChannels`. */
  readonly setting: string;
  /** The value to set, or what to do where no value would do. */
  readonly proposed: string | number;
  readonly why: string;
}

export interface ProbeReport {
  /** In the order in which they were taken. */
  readonly steps: readonly ProbeStep[];
  /** `null` if the endpoint could not be opened. */
  readonly profile: EndpointProfile | null;
  readonly proposals: readonly ProbeProposal[];
}
