import type { EndpointProfile } from '@waybill/domain';
import type { Abilities } from './abilities.js';
import { DEFAULT_MAX_CHANNELS } from './options.js';

/** The name by which servers offer it. */
export const POSIX_RENAME = 'posix-rename@openssh.com';
/** What version 3 of SFTP counts time in. */
export const VERSION_3_TIME_STEP_MS = 1000;

/** How the server of one endpoint is treated. */
export interface Strategy {
  /** Files are replaced by `posix-rename@openssh.com`. */
  readonly posixRename: boolean;
  /** Where there is no posix-rename: plain rename is tried on a file that exists, before that is set aside. */
  readonly renameReplaces: boolean;
  readonly continues: boolean;
  readonly timePrecisionMs: number;
  /** Channels of the connection, the first included. */
  readonly maxChannels: number;
}

/**
 * Chooses from what the server announces and what a probe saw. The server may have changed since: where the profile is
 * wrong by now, that costs a detour, never a file.
 * @param options the operator's bound of the channels, which is never exceeded
 */
export function strategyFor(
  abilities: Pick<Abilities, 'posixRename' | 'quirks'>,
  options: { readonly maxChannels?: number | undefined; readonly profile?: EndpointProfile | undefined },
): Strategy {
  const { maxChannels = DEFAULT_MAX_CHANNELS, profile } = options;
  // What a server is known to do by its name is not forgotten because it went well once.
  const continues = !abilities.quirks.emptiesOnOpen && profile?.continues !== false;
  return {
    posixRename: abilities.posixRename && !refusesPosixRename(profile),
    // If it refuses by now, the file that is there stays, and is set aside after all.
    renameReplaces: profile?.renameReplaces === true,
    continues,
    timePrecisionMs: Math.max(VERSION_3_TIME_STEP_MS, profile?.timePrecisionMs ?? 0),
    // Another channel opens the file once more: that is what empties it where files can't be continued.
    maxChannels: continues ? Math.min(maxChannels, channelsAllowed(profile)) : 1,
  };
}

/** It was offered, tried, and did not work. Where it was not offered, a newer server may know it. */
function refusesPosixRename(profile: EndpointProfile | undefined): boolean {
  return profile?.posixRename === false && profile.extensions.includes(POSIX_RENAME);
}

/** A count that nobody refused was ended by the bound of that day, which may have been a lower one. */
function channelsAllowed(profile: EndpointProfile | undefined): number {
  if (profile?.refusesMoreChannels !== true || profile.channels === null) return Number.POSITIVE_INFINITY;
  return Math.max(1, profile.channels);
}
