import type { Asked, EndpointCheck } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { type CheckReport, followCheck, printCheckHead } from '../follow-check.js';
import { formatDuration, formatSpan, formatTime, printable } from '../format.js';
import { addLimit } from '../options.js';
import type { Output } from '../output.js';
import { fetchUpTo, printPage } from '../paging.js';
import { scanAdvice } from '../scan-advice.js';

type Kind = Asked<'requestEndpointCheck', 'body'>['kind'];

export function addCheckCommands(endpoint: Command, context: Context): void {
  endpoint
    .command('probe <endpoint>')
    .description(
      'have a worker log in and try what transfers do, with files of its own; exit code 1 unless all of it works',
    )
    .action((id: string) => check(context, id, 'probe'));

  endpoint
    .command('scan-host-key <endpoint>')
    .description('have a worker ask the server for its host keys, without logging in; trusts none of them')
    .action((id: string) => check(context, id, 'host-key-scan'));

  addLimit(
    endpoint
      .command('checks <endpoint>')
      .description('list the probes and scans of an endpoint, newest first; with --json their reports, too'),
  ).action(async (id: string, { limit }: { limit: number }) => {
    const client = await context.client();
    const page = await fetchUpTo(limit, (query) =>
      client.call('listEndpointChecks', { params: { id }, query, signal: context.signal }),
    );
    printPage(context.out, page, [
      { title: 'CHECK', value: (c) => c.kind },
      { title: 'STATE', value: (c) => c.state },
      { title: 'CREATED', value: (c) => formatTime(c.createdAt) },
      { title: 'DURATION', value: (c) => formatSpan(c.startedAt, c.finishedAt), align: 'right' },
      { title: 'REQUESTED BY', value: (c) => c.requestedBy },
      { title: 'WORKER', value: (c) => c.workerName ?? '' },
      { title: 'REASON', value: (c) => (c.failure ? c.failure.code : failedSteps(c).join(', ')) },
    ]);
  });
}

/** @throws CommandFailed with the code `runNotSucceeded` if something did not pass */
async function check(context: Context, endpoint: string, kind: Kind): Promise<void> {
  const { out, signal } = context;
  const client = await context.client();
  const asked = await client.call('requestEndpointCheck', {
    params: { id: endpoint },
    body: { kind },
    signal,
  });
  const over = await followCheck(context, client, asked);
  out.result(over, () => printCheck(out, over));
  if (over.state !== 'succeeded') throw new CommandFailed(exitCodes.runNotSucceeded, whatNow(over));
  if (over.report?.kind === 'host-key-scan' && !out.json)
    for (const line of scanAdvice(over.endpointName, over.report)) out.note(line);
}

function printCheck(out: Output, check: EndpointCheck): void {
  const { report } = check;
  printCheckHead(out, check);
  if (report?.kind === 'probe') printProbe(out, report);
  if (report?.kind === 'host-key-scan') printScan(out, report);
}

function printProbe(out: Output, { steps, proposals }: CheckReport<'probe'>): void {
  out.line('');
  out.table(steps, [
    { title: 'STEP', value: (s) => s.name },
    { title: 'OUTCOME', value: (s) => s.outcome },
    { title: 'TOOK', value: (s) => formatDuration(s.tookMs), align: 'right' },
    { title: 'FOUND', value: (s) => s.detail },
  ]);
  if (proposals.length === 0) return;
  out.line('');
  out.table(proposals, [
    { title: 'SETTING', value: (p) => p.setting },
    { title: 'PROPOSED', value: (p) => p.proposed },
    { title: 'WHY', value: (p) => p.why },
  ]);
}

function printScan(out: Output, { offered, missing }: CheckReport<'host-key-scan'>): void {
  out.line('');
  const keys = [
    ...offered.map((key) => ({ ...key, offered: key.isNew ? 'yes, new to us' : 'yes' })),
    ...missing.map((key) => ({ ...key, state: 'trusted', offered: 'no' })),
  ];
  out.table(keys, [
    { title: 'FINGERPRINT', value: (key) => key.fingerprint },
    { title: 'ALGORITHM', value: (key) => key.algorithm },
    { title: 'STATE', value: (key) => key.state ?? 'not recorded' },
    { title: 'OFFERED', value: (key) => key.offered },
  ]);
}

function whatNow(check: EndpointCheck): string {
  const { endpointName, kind } = check;
  const command = kind === 'probe' ? 'probe' : 'scan-host-key';
  const failed = failedSteps(check);
  const what = failed.length === 0 ? '' : `: ${failed.map(printable).join(', ')}`;
  return `The ${kind} failed${what}. When the cause is put right: waybill endpoint ${command} ${endpointName}`;
}

function failedSteps({ report }: EndpointCheck): string[] {
  if (report?.kind !== 'probe') return [];
  return report.steps.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
}
