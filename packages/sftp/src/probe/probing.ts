import type { EndpointProfile } from '@waybill/domain';
import { printableName } from '@waybill/domain';
import type { Known } from '../abilities.js';
import { isAnswer } from '../errors.js';
import type { SftpOptions } from '../options.js';
import type { Session } from '../session.js';
import { POSIX_RENAME } from '../strategy.js';
import type { Scratch, Written } from './scratch.js';
import type { Verdict } from './steps.js';

/** What is found out, as it grows. */
export type Facts = { -readonly [Fact in keyof EndpointProfile]: EndpointProfile[Fact] };

/** One probe on its way, for its steps. */
export interface Probing {
  readonly options: SftpOptions;
  readonly session: Session;
  /** Absolute, without a slash at the end. */
  readonly root: string;
  readonly scratch: Scratch;
  readonly facts: Facts;
  readonly signal: AbortSignal;
  /** Once it was written. */
  first?: First;
}

/** The file that was written first. */
export interface First extends Written {
  readonly content: Buffer;
  /** Seconds since 1970, as the server tells it; undefined if it does not. */
  readonly mtime: number | undefined;
}

export interface Step {
  readonly name: string;
  /** @returns why it can't be taken; undefined if it can */
  readonly needs?: (facts: Facts) => string | undefined;
  /** @throws StorageError what the partner does wrong */
  readonly work: (probing: Probing) => Promise<Verdict>;
}

/** A server that floods us with names is not followed. */
const MAX_EXTENSIONS = 100;

/** What is known once SFTP was started. */
export function firstFacts(
  { software, extensions, limits }: Pick<Known, 'software' | 'extensions' | 'limits'>,
  now: Date,
): Facts {
  return {
    probedAt: now.toISOString(),
    software: software === undefined ? null : printableName(software),
    extensions: [...extensions.keys()].slice(0, MAX_EXTENSIONS).map(printableName).sort(),
    limits: limits ?? null,
    canList: null,
    makesDirectories: null,
    canWrite: null,
    keepsWritten: null,
    canReadBack: null,
    keepsBytes: null,
    keepsRead: null,
    canStat: null,
    canStatOpen: null,
    tellsTrueSize: null,
    continues: null,
    truncates: null,
    setsTimes: null,
    renames: null,
    renameReplaces: null,
    posixRename: extensions.has(POSIX_RENAME) ? null : false,
    removes: null,
    timePrecisionMs: null,
    clockOffsetMs: null,
    channels: null,
    refusesMoreChannels: null,
    connections: null,
    freeBytes: null,
    hashes: [],
  };
}

type Claim = {
  [Fact in keyof Facts]: Facts[Fact] extends boolean | null
    ? boolean extends Facts[Fact]
      ? Fact
      : never
    : never;
}[keyof Facts];

/** Notes that `fact` holds if `work` succeeds, and that it does not if the server refuses. */
export async function establish<T>(facts: Facts, fact: Claim, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    facts[fact] = true;
    return result;
  } catch (error) {
    if (isAnswer(error)) facts[fact] = false;
    throw error;
  }
}
