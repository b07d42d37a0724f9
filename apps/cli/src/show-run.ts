import type { Client, Delivery, Failure, Run } from '@waybill/contract';
import type { Context } from './context.js';
import { CommandFailed } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { formatBytes, formatSpan, formatTime } from './format.js';
import type { Column, Output } from './output.js';
import { displayRun } from './run-observers.js';
import { watchRun } from './watch-run.js';

/**
 * Shows how a run goes on until it has ended, then the run.
 * @throws CommandFailed with the code `runNotSucceeded` if it did not succeed
 */
export async function followRun(context: Context, client: Client, runId: string): Promise<void> {
  const display = displayRun(context.streams.stderr);
  let run: Run;
  try {
    run = await watchRun(client, runId, display, context.signal);
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new CommandFailed(
      exitCodes.interrupted,
      `The run goes on. See it again by "waybill run watch ${runId}", stop it by "waybill run cancel ${runId}".`,
    );
  } finally {
    display.end();
  }
  printRun(context.out, run);
  if (run.state !== 'succeeded') throw new CommandFailed(exitCodes.runNotSucceeded, whatNow(run));
}

function whatNow({ id, state }: Run): string {
  if (state === 'cancelled') return `The run was cancelled. To take it up again: waybill run retry ${id}`;
  if (state === 'partial')
    return `Some files were not delivered, or not all that follows was done: waybill run show ${id}\nTo try that again: waybill run retry ${id}`;
  const what = state === 'held' ? 'is held until somebody decides' : state;
  return `The run ${what}. When the cause is put right: waybill run retry ${id}`;
}

export function printRun(out: Output, run: Run): void {
  out.result(run, () =>
    out.fields({
      Run: run.id,
      Transfer: `${run.transferName}, version ${run.version}`,
      State: run.state,
      Failure: run.failure?.code,
      Reason: run.failure?.message,
      'Whose turn': run.failure && turns[run.failure.owner],
      'What to do': run.failure?.remedy,
      Trigger: run.trigger,
      Due: formatTime(run.dueAt),
      'Failed attempts': run.attemptsUsed || null,
      'Waits because': run.waiting?.message,
      'Waits since': formatTime(run.waiting?.since ?? null),
      'Next attempt': run.waiting ? null : formatTime(run.notBefore),
      Files: `${run.files.selected} selected, ${run.files.delivered} delivered, ${run.files.failed} failed, ${run.files.skipped} skipped`,
      Bytes: `${formatBytes(run.bytesMoved)} of ${formatBytes(run.bytesSelected)}`,
      Created: formatTime(run.createdAt),
      Started: formatTime(run.startedAt),
      Finished: formatTime(run.finishedAt),
      Duration: formatSpan(run.startedAt, run.finishedAt),
    }),
  );
}

export const deliveryColumns: readonly Column<Delivery>[] = [
  { title: 'FILE', value: (d) => d.sourcePath },
  { title: 'SIZE', value: (d) => formatBytes(d.size), align: 'right' },
  { title: 'STATE', value: (d) => d.state },
  { title: 'ASSURANCE', value: (d) => d.assurance },
  { title: 'DURATION', value: (d) => formatSpan(d.startedAt, d.deliveredAt), align: 'right' },
  { title: 'ACKNOWLEDGED', value: acknowledged },
  { title: 'SHA-256', value: (d) => d.sha256 ?? '' },
  { title: 'MADE OF', value: madeOf },
  { title: 'TURN', value: (d) => d.failure?.owner ?? '' },
  { title: 'REASON', value: (d) => (d.failure ? `${d.failure.code}: ${d.failure.message}` : '') },
];

/** Empty where no acknowledgement was waited for. */
function acknowledged({ acknowledgedAt, awaitedSince, failure }: Delivery): string {
  if (acknowledgedAt) return formatTime(acknowledgedAt);
  if (!awaitedSince) return '';
  return failure ? 'no' : 'not yet';
}

interface Made {
  readonly sourceSize?: number | null | undefined;
  readonly sourceSha256?: string | null | undefined;
  readonly transforms?: Delivery['transforms'] | undefined;
}

/** What transforms made the file of; empty where it arrived as it was read. */
export function madeOf({ sourceSize, sourceSha256, transforms = [] }: Made): string {
  if (transforms.length === 0) return '';
  const steps = transforms.map(({ kind, entry, signedBy }) =>
    [kind, entry && `of ${entry}`, signedBy && `signed by ${signedBy}`].filter(Boolean).join(' '),
  );
  return `${formatBytes(sourceSize ?? 0)}, SHA-256 ${sourceSha256 ?? ''}: ${steps.join(', ')}`;
}

/** Where the endpoint's minimum is `none`, files count as delivered of which nobody can say that they arrived. */
export function warnOfUnproven(out: Output, deliveries: readonly Delivery[]): void {
  const unproven = deliveries.filter((d) => d.state === 'delivered' && d.assurance === 'none').length;
  if (unproven > 0)
    out.note(
      `Warning: ${unproven} of these files count as delivered without any proof (assurance none): nobody may look at the ` +
        'target, and its minimum assurance is none.',
    );
}

export const turns: Readonly<Record<Failure['owner'], string>> = {
  us: 'us',
  partner: "the partner, or whoever runs the endpoint's server",
  network: 'whoever runs the network in between',
};
