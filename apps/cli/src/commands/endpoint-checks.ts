import type { Client, EndpointCheck } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { formatDuration, formatSpan, formatTime, printable } from '../format.js';
import { addLimit } from '../options.js';
import type { Output } from '../output.js';
import { fetchUpTo, printPage } from '../paging.js';
import { scanAdvice } from '../scan-advice.js';
import { turns } from '../show-run.js';

type Kind = EndpointCheck['kind'];
type Report<K extends Kind> = Extract<NonNullable<EndpointCheck['report']>, { kind: K }>;

/** Seconds that the service waits for the end of a check before it answers. */
const WAIT_S = 20;

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
  out.note(`waiting for a worker of pool ${asked.pool}`);
  const over = await untilOver(client, asked, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    const where = `"waybill endpoint checks ${asked.endpointName}"`;
    throw new CommandFailed(exitCodes.interrupted, `The check goes on. See what became of it by ${where}.`);
  });
  out.result(over, () => printCheck(out, over));
  if (over.state !== 'succeeded') throw new CommandFailed(exitCodes.runNotSucceeded, whatNow(over));
  if (over.report?.kind === 'host-key-scan' && !out.json)
    for (const line of scanAdvice(over.endpointName, over.report)) out.note(line);
}

async function untilOver(client: Client, asked: EndpointCheck, signal: AbortSignal): Promise<EndpointCheck> {
  const params = { id: asked.id };
  for (
    let check = asked;
    ;
    check = await client.call('getEndpointCheck', { params, query: { wait: WAIT_S }, signal })
  )
    if (check.state === 'succeeded' || check.state === 'failed') return check;
}

function printCheck(out: Output, { report, ...check }: EndpointCheck): void {
  out.fields({
    Endpoint: check.endpointName,
    Check: check.kind,
    State: check.state,
    Failure: check.failure?.code,
    Reason: check.failure?.message,
    'Whose turn': check.failure && turns[check.failure.owner],
    'What to do': check.failure?.remedy,
    Worker: check.workerName,
    Duration: formatSpan(check.startedAt, check.finishedAt),
  });
  if (report?.kind === 'probe') printProbe(out, report);
  if (report?.kind === 'host-key-scan') printScan(out, report);
}

function printProbe(out: Output, { steps, proposals }: Report<'probe'>): void {
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

function printScan(out: Output, { offered, missing }: Report<'host-key-scan'>): void {
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
