import { mkdir, writeFile } from 'node:fs/promises';
import type { PartNaming } from '@waybill/domain/naming';
import type { Behaviour, SftpRequest } from '@waybill/simulator';
import { type MemoryEndpoint, openMemoryEndpoint, type StorageEndpoint } from '@waybill/storage';
import { type RunResult, type RunTransferInput, runTransfer } from '@waybill/transfer';
import { type Partner, startPartner } from '../../packages/sftp/src/testing/partner.js';
import { MemoryJournal } from '../../packages/transfer/src/testing/memory-journal.js';
import {
  aDefinition,
  type DefinitionChange,
  seededAt,
  slowClock,
  someBytes,
} from '../../packages/transfer/src/testing/world.js';
import type { Cleanup } from './cleanup.js';

/** One run of a transfer from `in` to `out`, one side of which is a partner with the given personalities. */
export interface PartnerExchange {
  readonly partner: Partner;
  readonly journal: MemoryJournal;
  readonly warnings: string[];
  /** Requests that the partner has seen. */
  readonly requests: SftpRequest[];
  /** One attempt, over a new connection. */
  attempt(change?: Partial<RunTransferInput>): Promise<RunResult>;
  /** Attempts until one is at its end. @returns how many there were, and the result */
  attempts(most: number): Promise<{ attempts: number; result: RunResult }>;
}

export interface ExchangeOptions extends DefinitionChange {
  /** Defaults to 300,001 bytes in `a.bin`. */
  readonly files?: Record<string, Uint8Array>;
  readonly operationTimeoutMs?: number;
  readonly partNaming?: PartNaming;
}

export const aFile = someBytes(300_001);

async function startRecorded(
  cleanup: Cleanup,
  personalities: (Behaviour | string)[],
  requests: SftpRequest[],
): Promise<Partner> {
  const recorder: Behaviour = {
    serve: (request, next) => {
      requests.push(request);
      return next(request);
    },
  };
  const partner = await startPartner(recorder, ...personalities);
  cleanup.defer(() => partner[Symbol.asyncDispose]());
  await mkdir(partner.disk('in'));
  await mkdir(partner.disk('out'));
  return partner;
}

function exchange(
  partner: Partner,
  requests: SftpRequest[],
  options: ExchangeOptions,
  sides: (remote: StorageEndpoint) => { source: StorageEndpoint; target: StorageEndpoint },
): PartnerExchange {
  const { files: _, operationTimeoutMs = 5_000, partNaming, ...change } = options;
  const journal = new MemoryJournal();
  const definition = aDefinition(change);
  const warnings: string[] = [];
  const attempt = async (input: Partial<RunTransferInput> = {}) => {
    await using remote = await partner.open({ operationTimeoutMs, ...(partNaming && { partNaming }) });
    return await runTransfer({
      ...{ definition, journal, ...sides(remote), lastAttempt: false, now: slowClock() },
      signal: new AbortController().signal,
      checkpointEveryBytes: 64 * 1024,
      onWarning: (message) => warnings.push(message),
      ...input,
    });
  };
  const attempts = async (most: number) => {
    for (let count = 1; ; count++) {
      try {
        return { attempts: count, result: await attempt() };
      } catch (error) {
        if (count >= most) throw error;
      }
    }
  };
  return { partner, journal, warnings, requests, attempt, attempts };
}

export async function startPush(
  cleanup: Cleanup,
  personalities: (Behaviour | string)[],
  options: ExchangeOptions = {},
): Promise<PartnerExchange & { readonly source: MemoryEndpoint }> {
  const requests: SftpRequest[] = [];
  const partner = await startRecorded(cleanup, personalities, requests);
  const source = openMemoryEndpoint({ label: 'memory://source/' });
  for (const [name, content] of Object.entries(options.files ?? { 'a.bin': aFile }))
    source.seed(`in/${name}`, content, seededAt);
  return { ...exchange(partner, requests, options, (target) => ({ source, target })), source };
}

export async function startPull(
  cleanup: Cleanup,
  personalities: string[],
  options: ExchangeOptions = {},
): Promise<PartnerExchange & { readonly target: MemoryEndpoint }> {
  const requests: SftpRequest[] = [];
  const partner = await startRecorded(cleanup, personalities, requests);
  for (const [name, content] of Object.entries(options.files ?? { 'a.bin': aFile }))
    await writeFile(partner.disk(`in/${name}`), content);
  const target = openMemoryEndpoint({ label: 'memory://target/' });
  return { ...exchange(partner, requests, options, (source) => ({ source, target })), target };
}
