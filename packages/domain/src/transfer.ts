import type { AcknowledgementRule } from './acknowledgement.js';
import type { RequiredChecksumFile, WrittenChecksumFile } from './checksum-file.js';
import type { Id } from './ids.js';
import type { RemotePath } from './remote-path.js';
import type { RetryPolicy } from './retry-policy.js';
import type { SelectionRules } from './selection/rules.js';
import type { TransformSpec } from './transform.js';

export const transferKinds = ['push', 'pull', 'relay'] as const;
/** Push: from a directory to elsewhere; pull: from elsewhere into a directory; relay: between two other places. */
export type TransferKind = (typeof transferKinds)[number];

export const endpointKinds = ['sftp', 'local', 's3'] as const;
export type EndpointKind = (typeof endpointKinds)[number];

/** `undefined` where the pair is none of ours (local → local). */
export function transferKind(source: EndpointKind, target: EndpointKind): TransferKind | undefined {
  if (source === 'local') return target === 'local' ? undefined : 'push';
  return target === 'local' ? 'pull' : 'relay';
}

/** What happens to the source file after verified delivery. */
export type Disposition =
  | { readonly kind: 'keep' }
  | { readonly kind: 'delete' }
  /** Moved into `directory` of the source endpoint. */
  | { readonly kind: 'archive'; readonly directory: RemotePath };

/**
 * How a source file is taken before it is read, so that nobody else takes it or writes on: renamed beside itself, or
 * into `directory` of the source endpoint.
 */
export type SourceClaim = { readonly suffix: string } | { readonly directory: RemotePath };

/** All files of a run, or none. */
export interface FileSet {
  /** Pattern for the names, at the source, of the files that come last; without one of them a set is not whole. */
  readonly controlFile?: string | undefined;
}

export const duplicateActions = ['skip', 'hold'] as const;
/** `hold`: the file fails and the run waits for a person, who may have it delivered all the same by retrying. */
export type DuplicateAction = (typeof duplicateActions)[number];

/** What becomes of a file whose content the target's partner was sent before, by any transfer and under any name. */
export interface DuplicateRule {
  /** How far is looked back, in days of 24 hours. */
  readonly withinDays: number;
  readonly action: DuplicateAction;
}

export const conflictRules = ['replace', 'skip', 'fail', 'rename', 'append'] as const;
/**
 * What happens where the target already has a file of the final name.
 * - `rename`: the new one gets the first free name, counted up by `target.renameSuffix`
 * - `append`: the bytes of the new one are added to its end
 */
export type ConflictRule = (typeof conflictRules)[number];

export const verifications = ['none', 'size', 'read-back', 'remote-hash'] as const;
/**
 * The weakest proof of arrival that counts, weakest first; a stronger one that is as cheap is taken.
 * - `none`: the target may let nobody look. A size that it does tell is compared all the same
 * - `size`: the part file has the size that was sent
 * - `read-back`: reading it again, or the target's own hash of it, gives the SHA-256 that was sent
 * - `remote-hash`: the target's own hash of it does
 */
export type Verification = (typeof verifications)[number];

/** What a version of a transfer says. Immutable once stored. */
export interface TransferDefinition {
  readonly source: {
    readonly endpointId: Id;
    readonly directory: RemotePath;
    /** Patterns for names; a file is selected if one matches and no `exclude` does. Globs, or expressions: `/…/`. */
    readonly include: readonly string[];
    readonly exclude: readonly string[];
    readonly selection?: SelectionRules | undefined;
    readonly checksumFile?: RequiredChecksumFile | undefined;
    /** Left out: files are read under their own names. */
    readonly claim?: SourceClaim | undefined;
  };
  readonly target: {
    readonly endpointId: Id;
    readonly directory: RemotePath;
    /** Template of the path below the directory; if left out, a file has the name that its transforms leave it. */
    readonly name?: string | undefined;
    /** Added before the extension by the conflict rule `rename`, with `{n}` counted up from 1; ` ({n})` if left out. */
    readonly renameSuffix?: string | undefined;
    readonly checksumFile?: WrittenChecksumFile | undefined;
    /** Files get the time of modification that they have at the source, where the target lets us; true if left out. */
    readonly preserveTimes?: boolean | undefined;
    /** Permissions, such as `0640`, or those at the source: `preserve`. Left out: as the target makes them. */
    readonly mode?: string | undefined;
    readonly acknowledgement?: AcknowledgementRule | undefined;
  };
  /** What changes in each file on its way, in order. Done-files that are moved along stay as they are. */
  readonly transforms?: readonly TransformSpec[] | undefined;
  /** Left out: each file is delivered by itself. */
  readonly set?: FileSet | undefined;
  /** Left out: content is delivered however often it comes. */
  readonly duplicates?: DuplicateRule | undefined;
  readonly disposition: Disposition;
  readonly conflict: ConflictRule;
  /** Left out: what the target endpoint requires. Never less than that. */
  readonly verification?: Verification | undefined;
  /** Files moved at once. */
  readonly concurrency: number;
  readonly retry: RetryPolicy;
}
