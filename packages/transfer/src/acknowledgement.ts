import {
  type AcknowledgementRule,
  answerDueAt,
  nextLookAt,
  type RemotePath,
  type SeenAnswer,
  type TransferDefinition,
} from '@waybill/domain';
import { answerFinder, answerPaths } from '@waybill/domain/selection';
import { StorageError } from '@waybill/storage';
import { giveBackIfClaimed } from './claim-source.js';
import { concernsOneFile } from './failure-reach.js';
import { type FileToMove, type RunContext, statIfAny } from './run-context.js';
import type { DeliveryRecord } from './run-journal.js';

/** What is known of the partner's answer to a delivered file. */
export type Answered = Pick<DeliveryRecord, 'answersSeen' | 'awaitedSince' | 'acknowledgedAt'>;

/**
 * What lies under the names of the partner's answers before the file gets its final name: it answers something else.
 * `undefined` where no answer is waited for.
 */
export async function answersBefore(
  run: RunContext,
  file: FileToMove,
): Promise<readonly SeenAnswer[] | undefined> {
  const { acknowledgement: rule } = run.definition.target;
  if (!rule || run.isCompanion(file)) return undefined;
  const paths = answerPaths(answerFinder(rule), file.targetPath) ?? [];
  const seen: SeenAnswer[] = [];
  for (const path of paths) {
    const answer = await lookAt(run, path);
    if (answer) seen.push(answer);
  }
  return seen;
}

/**
 * Looks for the partner's answer to a delivered file. An acknowledgement is written down, and removed if the rule says so.
 * @returns when to look again; `undefined` once nothing is waited for
 * @throws StorageError `not-acknowledged`, written down as well, if the partner refused the file or its time is over
 */
export async function lookForAnswer(
  run: RunContext,
  file: FileToMove,
  answered: Answered,
): Promise<Date | undefined> {
  const { acknowledgement: rule } = run.definition.target;
  if (!rule) return undefined;
  if (answered.acknowledgedAt) {
    await removeAnswer(run, file, rule, answered.answersSeen);
    return undefined;
  }
  const awaitedSince = answered.awaitedSince ?? run.now();
  if (!answered.awaitedSince) await run.journal.awaiting(file.id, awaitedSince);
  const { acknowledgement, refusal, seen } = await lookForNew(run, file, rule, answered.answersSeen);
  if (refusal) throw await refused(run, file, refusal, seen);
  if (acknowledgement) {
    await run.journal.acknowledged(file.id, seen);
    await removeAnswer(run, file, rule, seen);
    return undefined;
  }
  const now = run.now();
  if (now >= answerDueAt(rule, awaitedSince)) throw await overdue(run, file, rule, seen);
  return nextLookAt(rule, awaitedSince, now);
}

/** Has all of a run's files been done with, save for those of which the partner's acknowledgement is waited for? */
export function awaitsOnlyAnswers(records: readonly DeliveryRecord[]): boolean {
  return records.some(isAwaited) && records.every(({ state }) => atRest.has(state));
}

/**
 * When to look for answers again, if nothing else is left to be done; `undefined` if something is, or if one of them is
 * due by now.
 */
export function looksAgainAt(
  { target: { acknowledgement: rule } }: TransferDefinition,
  records: readonly DeliveryRecord[],
  now: Date,
): Date | undefined {
  if (!rule || !awaitsOnlyAnswers(records)) return undefined;
  const looks = records
    .filter(isAwaited)
    .map(({ awaitedSince }) => nextLookAt(rule, awaitedSince, now).getTime());
  const next = Math.min(...looks);
  return next > now.getTime() ? new Date(next) : undefined;
}

const atRest: ReadonlySet<DeliveryRecord['state']> = new Set(['delivered', 'skipped', 'failed']);

function isAwaited(record: DeliveryRecord): record is DeliveryRecord & { readonly awaitedSince: Date } {
  const { state, awaitedSince, acknowledgedAt, disposed, failure } = record;
  return state === 'delivered' && awaitedSince !== undefined && !acknowledgedAt && !disposed && !failure;
}

interface Look {
  readonly acknowledgement: SeenAnswer | undefined;
  readonly refusal: SeenAnswer | undefined;
  /** Each answer that lies there now. */
  readonly seen: readonly SeenAnswer[];
}

/** The answers that were not seen before. */
async function lookForNew(
  run: RunContext,
  file: FileToMove,
  rule: AcknowledgementRule,
  before: readonly SeenAnswer[] = [],
): Promise<Look> {
  const answers = answerFinder(rule);
  const at = async (path: RemotePath | undefined) => path && (await lookAt(run, path));
  const acknowledgement = await at(answers.acknowledgement(file.targetPath));
  const refusal = await at(answers.refusal?.(file.targetPath));
  const ifNew = (answer: SeenAnswer | undefined) => (answer && isAmong(before, answer) ? undefined : answer);
  return {
    acknowledgement: ifNew(acknowledgement),
    refusal: ifNew(refusal),
    seen: [acknowledgement, refusal].filter((answer) => answer !== undefined),
  };
}

async function lookAt(run: RunContext, path: RemotePath): Promise<SeenAnswer | undefined> {
  const found = await statIfAny(run.target, path, run.signal);
  return found && { path, size: found.size, modifiedAt: found.modifiedAt };
}

function isAmong(seen: readonly SeenAnswer[], { path, size, modifiedAt }: SeenAnswer): boolean {
  return seen.some(
    (other) =>
      other.path === path && other.size === size && other.modifiedAt.getTime() === modifiedAt.getTime(),
  );
}

/** Not one that has come since: it answers something else. One that can't be removed stays, and never counts again. */
async function removeAnswer(
  run: RunContext,
  { id, targetPath }: FileToMove,
  rule: AcknowledgementRule,
  seen: readonly SeenAnswer[] = [],
): Promise<void> {
  const path = answerFinder(rule).acknowledgement(targetPath);
  if (rule.afterwards !== 'remove' || path === undefined) return;
  const found = await lookAt(run, path);
  if (!found || !isAmong(seen, found)) return;
  await run.journal.disposing(id);
  try {
    await run.target.remove(path, { signal: run.signal });
  } catch (error) {
    if (!concernsOneFile(run, error)) throw error;
    run.warn(`acknowledgement ${path} at ${run.target.label} could not be removed`, error);
  }
}

async function refused(
  run: RunContext,
  file: FileToMove,
  { path, size, modifiedAt }: SeenAnswer,
  seen: readonly SeenAnswer[],
): Promise<StorageError> {
  return unacknowledged(
    run,
    file,
    `the partner has refused it by ${path} (${size} bytes, modified ${modifiedAt.toISOString()}): read what it says`,
    seen,
  );
}

async function overdue(
  run: RunContext,
  file: FileToMove,
  rule: AcknowledgementRule,
  seen: readonly SeenAnswer[],
): Promise<StorageError> {
  const path = answerFinder(rule).acknowledgement(file.targetPath);
  const old = seen.some((answer) => answer.path === path)
    ? 'the one that lies there is from before'
    : 'it is not there';
  const waited = `${rule.timeoutMs / 1_000} s`;
  return unacknowledged(
    run,
    file,
    `the partner has not acknowledged it by ${path} within ${waited}: ${old}`,
    seen,
  );
}

async function unacknowledged(
  run: RunContext,
  file: FileToMove,
  why: string,
  seen: readonly SeenAnswer[],
): Promise<StorageError> {
  const error = new StorageError(
    'not-acknowledged',
    `${file.targetPath} at ${run.target.label} was delivered, but ${why}; a retry waits again and sends nothing again`,
    { owner: run.target.properties.owner },
  );
  await giveBackIfClaimed(run, file);
  await run.journal.unacknowledged(file.id, error.failure, seen);
  return error;
}
