import {
  defaultRetryPolicy,
  newId,
  parsePath,
  type SelectionRules,
  type SourceClaim,
  type TransferDefinition,
} from '@waybill/domain';
import type { PartNaming } from '@waybill/domain/naming';
import { type MemoryEndpoint, openMemoryEndpoint } from '@waybill/storage';
import type { RunResult } from '../run-result.js';
import { type RunTransferInput, runTransfer } from '../run-transfer.js';
import { MemoryJournal } from './memory-journal.js';

/** A partner's inbox `in` and our `out`, in memory, with the journal of one run between them. */
export interface World {
  readonly source: MemoryEndpoint;
  readonly target: MemoryEndpoint;
  readonly journal: MemoryJournal;
  readonly definition: TransferDefinition;
  readonly warnings: string[];
  /** One attempt. */
  run(change?: Partial<RunTransferInput>): Promise<RunResult>;
}

export type DefinitionChange = Partial<Omit<TransferDefinition, 'source'>> & {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly selection?: SelectionRules;
  readonly claim?: SourceClaim;
  /** Template of target names. */
  readonly name?: string;
  readonly renameSuffix?: string;
  readonly preserveTimes?: boolean;
  readonly mode?: string;
};

export interface WorldOptions {
  /** How part files are named at the target. */
  readonly partNaming?: PartNaming;
}

export const archived = { kind: 'archive', directory: parsePath('done') } as const;

/** Takes files as they are: those of a test are written to their end before it looks. */
export function aDefinition(changes: DefinitionChange = {}) {
  const { include = ['*'], exclude = [], selection = { settleMs: 0 }, claim, ...others } = changes;
  const { name, renameSuffix, preserveTimes, mode, ...change } = others;
  return {
    source: { endpointId: newId(), directory: parsePath('in'), include, exclude, selection, claim },
    target: {
      ...{ endpointId: newId(), directory: parsePath('out') },
      ...{ name, renameSuffix, preserveTimes, mode },
    },
    disposition: { kind: 'keep' },
    conflict: 'replace',
    verification: 'size',
    concurrency: 1,
    retry: defaultRetryPolicy,
    ...change,
  } satisfies TransferDefinition;
}

export function aWorld(
  files: Record<string, string | Uint8Array>,
  change?: DefinitionChange,
  { partNaming }: WorldOptions = {},
): World {
  const source = openMemoryEndpoint({ label: 'memory://source/' });
  const target = openMemoryEndpoint({ label: 'memory://target/', properties: { partNaming } });
  for (const [name, content] of Object.entries(files)) source.seed(`in/${name}`, content, seededAt);
  const journal = new MemoryJournal();
  const definition = aDefinition(change);
  const warnings: string[] = [];
  const run = (input: Partial<RunTransferInput> = {}) =>
    runTransfer({
      ...{ definition, source, target, journal, lastAttempt: false, now: slowClock() },
      signal: new AbortController().signal,
      onWarning: (message) => warnings.push(message),
      ...input,
    });
  return { source, target, journal, definition, warnings, run };
}

export const seededAt = new Date('2026-01-01T00:00:00Z');

/** Two seconds pass between any two looks, so that no checkpoint has to wait. */
export function slowClock(): () => Date {
  let at = Date.parse('2026-02-01T00:00:00Z');
  return () => {
    at += 2_000;
    return new Date(at);
  };
}

/** Bytes that repeat nowhere near, so that a piece at the wrong offset shows. */
export function someBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
