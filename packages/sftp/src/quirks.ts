/** What a server does that SFTP does not foresee and that it does not announce. */
export interface Quirks {
  /** Opening a file for writing empties it, or makes it, whatever the flags say: it can't be continued. */
  readonly emptiesOnOpen: boolean;
  /** REMOVE takes empty directories away too. */
  readonly removesDirectories: boolean;
}

const NONE: Quirks = { emptiesOnOpen: false, removesDirectories: false };

/** By the software part of the identification line (RFC 4253, section 4.2). */
const KNOWN: readonly (readonly [RegExp, Quirks])[] = [
  // Seen with `rclone serve sftp` 1.60.1.
  [/^rclone\//, { emptiesOnOpen: true, removesDirectories: true }],
];

/** @param software such as `OpenSSH_9.2p1`; undefined if the server did not say */
export function quirksOf(software: string | undefined): Quirks {
  return KNOWN.find(([pattern]) => pattern.test(software ?? ''))?.[1] ?? NONE;
}
