import type { Endpoint } from '@waybill/contract';
import { formatBytes, formatDuration } from './format.js';

type Profile = NonNullable<Endpoint['profile']>;

/** A clock that is off by less is not worth a word: times are told in seconds, and answers take their time. */
const CLOCK_OFF_MS = 5_000;

/** The main things that a probe found out, in one line. */
export function profileFacts(profile: Profile): string {
  const { software, channels, connections, freeBytes, timePrecisionMs, hashes } = profile;
  const facts = [
    software,
    channels !== null && `${channels} ${channels === 1 ? 'channel' : 'channels'}`,
    connections !== null && `${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    freeBytes !== null && `${formatBytes(freeBytes)} free`,
    timePrecisionMs !== null && `times to ${formatDuration(timePrecisionMs)}`,
    hashes.length > 0 && `hashes: ${hashes.join(', ')}`,
  ];
  return facts.filter((fact) => typeof fact === 'string' && fact !== '').join('; ');
}

/** What an operator should know before trusting a transfer to the endpoint. */
export function profileWarnings(profile: Profile): string[] {
  const warnings: [boolean, string][] = [
    [profile.canList === false, 'its files cannot be listed'],
    [profile.canWrite === false, 'nothing can be written'],
    [profile.keepsWritten === false, 'what was written is taken away at once'],
    [profile.canReadBack === false, 'what was written cannot be read back'],
    [profile.keepsBytes === false, 'other bytes come back than were written'],
    [profile.keepsRead === false, 'what was read is gone'],
    [profile.canStat === false, 'files cannot be looked at by their names'],
    [profile.tellsTrueSize === false, 'the sizes that it tells are wrong'],
    [profile.continues === false, 'an interrupted file starts over'],
    [profile.renames === false, 'files cannot be renamed'],
    [
      profile.renames !== false && profile.posixRename === false && profile.renameReplaces === false,
      'no file is replaced in one step',
    ],
    [profile.removes === false, 'files cannot be removed'],
    [profile.connections === 1, 'it accepts one connection at a time'],
    [profile.freeBytes === 0, 'no space is left'],
  ];
  return [...warnings.filter(([is]) => is).map(([, text]) => text), ...clockWarning(profile)];
}

function clockWarning({ clockOffsetMs, timePrecisionMs }: Profile): string[] {
  const off = Math.abs(clockOffsetMs ?? 0);
  if (off < Math.max(CLOCK_OFF_MS, timePrecisionMs ?? 0)) return [];
  return [`its clock is ${formatDuration(off)} ${(clockOffsetMs ?? 0) > 0 ? 'ahead of' : 'behind'} ours`];
}
