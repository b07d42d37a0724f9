import type { Asked } from '@waybill/contract';
import { CommandFailed } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { given } from './options.js';

/** The definition of a transfer, as options say it. */
export interface DefinitionOptions {
  readonly from?: string;
  readonly to?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly recursive?: 'mirror' | 'flatten';
  readonly claimSuffix?: string;
  readonly claimTo?: string;
  /** `false`: no longer. */
  readonly claim?: boolean;
  /** The pattern of its control file; `true`: without one; `false`: no longer. */
  readonly set?: string | boolean;
  readonly targetName?: string;
  readonly keepSource?: boolean;
  readonly deleteSource?: boolean;
  readonly archiveTo?: string;
  readonly conflict?: 'replace' | 'skip' | 'fail' | 'rename' | 'append';
  readonly renameSuffix?: string;
  readonly preserveTimes?: boolean;
  readonly mode?: string;
  readonly readBack?: boolean;
  readonly verification?: 'none' | 'size' | 'read-back' | 'remote-hash';
  readonly concurrency?: number;
  readonly maxAttempts?: number;
  readonly firstDelay?: number;
  readonly maxDelay?: number;
}

/** Option that takes a mode away: files are as the target makes them. */
const DEFAULT_MODE = 'default';

/** As it is sent: what is left out, the service fills in. */
export type DefinitionAsked = Asked<'createTransfer', 'body'>['definition'];
type Draft = Partial<DefinitionAsked>;

const defaultRetry = { maxAttempts: 5, firstDelayMs: 5_000, maxDelayMs: 900_000 };

/** Does any option say something about the definition? */
export function hasDefinition(options: DefinitionOptions): boolean {
  const words: (keyof DefinitionOptions)[] = [
    'from',
    'to',
    'include',
    'exclude',
    'recursive',
    'claimSuffix',
    'claimTo',
    'set',
    'targetName',
    'keepSource',
    'deleteSource',
    'archiveTo',
    'conflict',
    'renameSuffix',
    'preserveTimes',
    'mode',
    'readBack',
    'verification',
    'concurrency',
    'maxAttempts',
    'firstDelay',
    'maxDelay',
  ];
  return options.claim === false || words.some((word) => options[word] !== undefined);
}

/**
 * `base` with what the options say; the service fills in its defaults.
 * @throws CommandFailed if a place is missing, or is not written as `endpoint:directory`
 */
export function definitionOf(options: DefinitionOptions, base: Draft | undefined): DefinitionAsked {
  const kept = withoutEnded(options, base);
  const definition = { ...kept, ...changesOf(options, kept) };
  const { source, target } = definition;
  if (!source || !target) throw usage('give --from and --to (as endpoint:directory), or --file');
  return { ...definition, source, target };
}

function withoutEnded({ claim, set }: DefinitionOptions, base: Draft | undefined): Draft {
  const { source, set: oldSet, ...others } = base ?? {};
  const { claim: oldClaim, ...unclaimed } = source ?? {};
  return {
    ...others,
    ...(source && { source: claim === false ? (unclaimed as typeof source) : source }),
    ...(oldSet && set !== false && { set: oldSet }),
  };
}

function changesOf(options: DefinitionOptions, base: Draft | undefined): Draft {
  const { from, to, include, exclude, recursive, conflict, concurrency, readBack, verification } = options;
  const sourceChanges = given({
    ...(from === undefined ? {} : readPlace('--from', from)),
    include: include && [...include],
    exclude: exclude && [...exclude],
    selection: recursive && { ...base?.source?.selection, recursive },
    claim: claimOf(options),
  });
  const targetChanges = given({
    ...(to === undefined ? {} : readPlace('--to', to)),
    name: options.targetName,
    renameSuffix: options.renameSuffix,
    preserveTimes: options.preserveTimes,
    mode: options.mode === DEFAULT_MODE ? undefined : options.mode,
  });
  const target = targetKept(options, base?.target);
  return given({
    source: isEmpty(sourceChanges) ? undefined : placed('--from', { ...base?.source, ...sourceChanges }),
    target:
      isEmpty(targetChanges) && (!target || isSame(target, base?.target))
        ? undefined
        : placed('--to', { ...target, ...targetChanges }),
    set: setOf(options),
    disposition: dispositionOf(options),
    conflict,
    verification: verification ?? (readBack === undefined ? undefined : readBack ? 'read-back' : 'size'),
    concurrency,
    retry: retryOf(options, base),
  } as const);
}

/** The suffix belongs to the rule `rename`, and leaves with it; so does the mode, if so asked. */
function targetKept({ conflict, mode: asked }: DefinitionOptions, target: Draft['target']): Draft['target'] {
  if (!target) return target;
  const { renameSuffix, mode, ...others } = target;
  const keepsSuffix = conflict === undefined || conflict === 'rename';
  const kept = { renameSuffix: keepsSuffix ? renameSuffix : undefined, mode: asked ? undefined : mode };
  return { ...others, ...given(kept) };
}

/** @throws CommandFailed if neither the option nor what it changes says where */
function placed<T extends { endpointId?: string; directory?: string }>(
  option: string,
  place: T,
): T & { endpointId: string; directory: string } {
  const { endpointId, directory } = place;
  if (endpointId === undefined || directory === undefined)
    throw usage(`give ${option} (as endpoint:directory)`);
  return { ...place, endpointId, directory };
}

function claimOf({ claimSuffix, claimTo }: DefinitionOptions): NonNullable<Draft['source']>['claim'] {
  if (claimTo !== undefined) return { directory: claimTo };
  return claimSuffix === undefined ? undefined : { suffix: claimSuffix };
}

function setOf({ set }: DefinitionOptions): Draft['set'] {
  if (set === undefined || set === false) return undefined;
  return set === true ? {} : { controlFile: set };
}

function dispositionOf(options: DefinitionOptions): Draft['disposition'] {
  if (options.archiveTo !== undefined) return { kind: 'archive', directory: options.archiveTo };
  if (options.deleteSource) return { kind: 'delete' };
  return options.keepSource ? { kind: 'keep' } : undefined;
}

function retryOf(options: DefinitionOptions, base: Draft | undefined): Draft['retry'] {
  const changes = given({
    maxAttempts: options.maxAttempts,
    firstDelayMs: options.firstDelay,
    maxDelayMs: options.maxDelay,
  });
  return isEmpty(changes) ? undefined : { ...defaultRetry, ...base?.retry, ...changes };
}

function readPlace(option: string, text: string): { endpointId: string; directory: string } {
  const colon = text.indexOf(':');
  if (colon < 1)
    throw usage(
      `${option} ${text}: write endpoint:directory, such as acme-sftp:out (acme-sftp: for its root)`,
    );
  return { endpointId: text.slice(0, colon), directory: text.slice(colon + 1) };
}

function isSame(one: object, other: object | undefined): boolean {
  return Object.keys(one).length === Object.keys(other ?? {}).length;
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function usage(message: string): CommandFailed {
  return new CommandFailed(exitCodes.invalid, message);
}
