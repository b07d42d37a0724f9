import { writeFile } from 'node:fs/promises';
import type { Client, Delivery, Receipt, Run } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { formatBytes, formatSpan, formatTime } from '../format.js';
import { addLimit, given } from '../options.js';
import { fetchUpTo, type Page, printPage } from '../paging.js';
import { deliveryColumns, followRun, madeOf, printRun, warnOfUnproven } from '../show-run.js';

/** Deliveries shown with a run; "run deliveries" lists more. */
const SHOWN_WITH_RUN = 20;

interface ListOptions {
  readonly limit: number;
  readonly transfer?: string;
  readonly state?: Run['state'];
  readonly since?: string;
  readonly until?: string;
}

export function addRunCommands(program: Command, context: Context): void {
  const run = program.command('run').description('executions of transfers');
  addListCommand(run, context);
  addShowCommands(run, context);
  addMoveCommands(run, context);
  addReceiptCommand(run, context);
}

function addListCommand(run: Command, context: Context): void {
  addLimit(run.command('list').description('list runs, newest first'))
    .option('--transfer <transfer>', 'only those of this transfer')
    .option('--state <state>', 'queued, running, succeeded, partial, failed, cancelled or held')
    .option('--since <time>', 'created at or after, such as 2026-03-01T06:00:00Z')
    .option('--until <time>', 'created before')
    .action(async ({ limit, ...filters }: ListOptions) => {
      const client = await context.client();
      const page = await fetchUpTo(limit, (paging) =>
        client.call('listRuns', { query: { ...paging, ...filters }, signal: context.signal }),
      );
      printPage(context.out, page, [
        { title: 'RUN', value: (r) => r.id },
        { title: 'TRANSFER', value: (r) => r.transferName },
        { title: 'STATE', value: (r) => r.state },
        { title: 'FILES', value: (r) => `${r.files.delivered}/${r.files.selected}`, align: 'right' },
        { title: 'BYTES', value: (r) => formatBytes(r.bytesMoved), align: 'right' },
        { title: 'CREATED', value: (r) => formatTime(r.createdAt) },
        { title: 'DURATION', value: (r) => formatSpan(r.startedAt, r.finishedAt), align: 'right' },
        { title: 'FAILURE', value: (r) => r.failure?.code ?? '' },
      ]);
    });
}

function addShowCommands(run: Command, context: Context): void {
  const { signal } = context;

  run
    .command('show <run>')
    .description('show a run, its attempts and its first deliveries; with --json the run alone')
    .action(async (id: string) => {
      const client = await context.client();
      const { out } = context;
      printRun(out, await client.call('getRun', { params: { id }, signal }));
      if (out.json) return;
      const { items } = await client.call('listAttempts', { params: { id }, signal });
      if (items.length > 0) out.line('');
      if (items.length > 0)
        out.table(items, [
          { title: 'ATTEMPT', value: (a) => a.epoch, align: 'right' },
          { title: 'STATE', value: (a) => a.state },
          { title: 'STARTED', value: (a) => formatTime(a.startedAt) },
          { title: 'DURATION', value: (a) => formatSpan(a.startedAt, a.finishedAt), align: 'right' },
          { title: 'TURN', value: (a) => a.failure?.owner ?? '' },
          { title: 'REASON', value: (a) => (a.failure ? `${a.failure.code}: ${a.failure.message}` : '') },
        ]);
      const page = await deliveriesOf(client, id, SHOWN_WITH_RUN, undefined, signal);
      if (page.items.length === 0) return;
      out.line('');
      printPage(out, page, deliveryColumns);
      warnOfUnproven(out, page.items);
    });

  addLimit(run.command('deliveries <run>').description('list the files of a run'))
    .option('--state <state>', 'selected, moving, delivered, skipped, failed or unknown')
    .action(async (id: string, { limit, state }: { limit: number; state?: Delivery['state'] }) => {
      const client = await context.client();
      const page = await deliveriesOf(client, id, limit, state, signal);
      printPage(context.out, page, deliveryColumns);
      warnOfUnproven(context.out, page.items);
    });
}

function deliveriesOf(
  client: Client,
  id: string,
  limit: number,
  state: Delivery['state'] | undefined,
  signal: AbortSignal,
): Promise<Page<Delivery>> {
  return fetchUpTo(limit, (paging) =>
    client.call('listDeliveries', { params: { id }, query: { ...paging, ...given({ state }) }, signal }),
  );
}

function addMoveCommands(run: Command, context: Context): void {
  const { signal } = context;

  run
    .command('watch <run>')
    .description('show progress until the run has ended; exit code 1 unless it succeeded')
    .action(async (id: string) => followRun(context, await context.client(), id));

  run
    .command('cancel <run>')
    .description('cancel a run; one that moves files stops soon after')
    .action(async (id: string) => {
      const client = await context.client();
      printRun(context.out, await client.call('cancelRun', { params: { id }, signal }));
    });

  run
    .command('retry <run>')
    .description('send a run that did not succeed back to the queue; what was delivered stays delivered')
    .option('--wait', 'show progress until the run has ended; exit code 1 unless it succeeded')
    .action(async (id: string, { wait }: { wait?: boolean }) => {
      const client = await context.client();
      const queued = await client.call('retryRun', { params: { id }, signal });
      if (wait) await followRun(context, client, id);
      else printRun(context.out, queued);
    });
}

function addReceiptCommand(run: Command, context: Context): void {
  run
    .command('receipt <run>')
    .description('show the receipt of a run that has ended')
    .option('--output <file>', 'write it there, as JSON')
    .action(async (id: string, { output }: { output?: string }) => {
      const client = await context.client();
      const { out } = context;
      const receipt = await client.call('getReceipt', { params: { id }, signal: context.signal });
      if (output !== undefined) {
        await writeFile(output, `${JSON.stringify(receipt, null, 2)}\n`);
        out.note(`Written to ${output}.`);
      } else out.result(receipt, () => printReceipt(context, receipt));
    });
}

function printReceipt({ out }: Context, { sha256, receipt }: Receipt): void {
  out.fields({
    Run: receipt.run.id,
    Transfer: `${receipt.transfer.name}, version ${receipt.transfer.version}`,
    State: receipt.run.state,
    From: `${receipt.source.endpoint}:${receipt.source.directory}`,
    To: `${receipt.target.endpoint}:${receipt.target.directory}`,
    Finished: formatTime(receipt.run.finishedAt ?? null),
    'SHA-256 of the receipt': sha256,
  });
  out.line('');
  out.table(receipt.deliveries, [
    { title: 'FILE', value: (d) => d.targetPath },
    { title: 'SIZE', value: (d) => d.size, align: 'right' },
    { title: 'ASSURANCE', value: (d) => d.assurance },
    { title: 'DELIVERED', value: (d) => formatTime(d.deliveredAt) },
    { title: 'ACKNOWLEDGED', value: (d) => formatTime(d.acknowledgedAt ?? null) },
    { title: 'SHA-256', value: (d) => d.sha256 },
    { title: 'MADE OF', value: madeOf },
  ]);
}
