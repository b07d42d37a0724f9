import type { EndpointCheck } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { type CheckReport, followCheck, printCheckHead } from '../follow-check.js';
import { formatBytes, formatTime } from '../format.js';
import { given } from '../options.js';
import type { Output } from '../output.js';

type Explanation = CheckReport<'explanation'>['transfers'][number];

export function addDryRunCommand(transfer: Command, context: Context): void {
  transfer
    .command('dry-run <transfer>')
    .description(
      'show what a run would move now, and what not; moves nothing. Exit code 1 if a run would fail',
    )
    .action(async (id: string) => {
      const client = await context.client();
      const asked = await client.call('requestDryRun', { params: { id }, signal: context.signal });
      const check = await followCheck(context, client, asked);
      context.out.result(check, () => printDryRun(context.out, check));
      if (check.state !== 'succeeded')
        throw failed(`A run of ${check.transferName} would not succeed now`, check);
    });
}

export function addExplainCommand(program: Command, context: Context): void {
  program
    .command('explain <endpoint:path>')
    .description('show, for each transfer that reads there, whether a run would take a file now, and why')
    .option('--transfer <transfer>', 'for this transfer alone')
    .action(async (place: string, { transfer }: { transfer?: string }) => {
      const client = await context.client();
      const [id, path] = placeOf(place);
      const body = { path, ...given({ transferId: transfer }) };
      const { signal, out } = context;
      const asked = await client.call('requestExplanation', { params: { id }, body, signal });
      const check = await followCheck(context, client, asked);
      out.result(check, () => printExplanations(out, check));
      if (check.state !== 'succeeded') throw failed('It could not be found out', check);
    });
}

/** The name of an endpoint holds no colon. */
function placeOf(place: string): [endpoint: string, path: string] {
  const at = place.indexOf(':');
  if (at > 0 && at < place.length - 1) return [place.slice(0, at), place.slice(at + 1)];
  throw new CommandFailed(
    exitCodes.invalid,
    `"${place}" is no <endpoint>:<path>, such as acme-sftp:out/day.csv`,
  );
}

function printDryRun(out: Output, check: EndpointCheck): void {
  const { report } = check;
  if (report?.kind !== 'dry-run') {
    printCheckHead(out, check);
    return;
  }
  const { counts, files } = report;
  out.fields({
    ...headOf(check.transferName, report),
    'Would move': sum(counts.move),
    'Would fail': sum(counts.fail),
    'Would leave': sum(counts.leave),
  });
  if (files.length === 0) return;
  out.line('');
  out.table(files, [
    { title: 'WOULD', value: (f) => f.decision },
    { title: 'FILE', value: (f) => f.path },
    { title: 'SIZE', value: (f) => formatBytes(f.size), align: 'right' },
    { title: 'TO', value: (f) => f.targetPath ?? '' },
    { title: 'BECAUSE', value: (f) => f.because },
  ]);
  const more = counts.move.files + counts.fail.files + counts.leave.files - files.length;
  if (more > 0) out.note(`${more} more files are counted, but not shown`);
}

function printExplanations(out: Output, check: EndpointCheck): void {
  if (check.report?.kind !== 'explanation') {
    printCheckHead(out, check);
    return;
  }
  for (const [index, explanation] of check.report.transfers.entries()) {
    if (index > 0) out.line('');
    printExplanation(out, check.path, explanation);
  }
}

function printExplanation(out: Output, path: string | null, explanation: Explanation): void {
  const { transferName, file, nowhere, answers } = explanation;
  out.fields({
    File: path,
    ...headOf(transferName, explanation),
    Would: file?.decision ?? 'leave',
    Because: file?.because ?? nowhere,
    To: file?.targetPath,
    Size: file && formatBytes(file.size),
    Modified: file && formatTime(file.modifiedAt),
  });
  if (answers.length === 0) return;
  out.line('');
  out.table(answers, [
    { title: 'QUESTION', value: ({ question }) => questions[question] },
    { title: 'ANSWER', value: ({ answer }) => (answer === 'not-asked' ? '-' : answer) },
    { title: 'BECAUSE', value: ({ because }) => because },
  ]);
}

const questions: Record<Explanation['answers'][number]['question'], string> = {
  name: 'Is its name meant?',
  'done-file': 'Is its done-file there?',
  size: 'Is it of the right size?',
  new: 'Is it new?',
  age: 'Is it of the right age?',
  settled: 'Is it settled?',
  'checksum-file': 'Is its checksum file there?',
  limits: "Is it this run's turn?",
};

function headOf(
  transferName: string | null,
  { version, enabled, obstacle }: Pick<Explanation, 'version' | 'enabled' | 'obstacle'>,
) {
  return {
    Transfer: `${transferName}, version ${version}${enabled ? '' : ', disabled: it makes no runs'}`,
    'A run would fail': obstacle,
  };
}

function sum({ files, bytes }: { files: number; bytes: number }): string {
  return `${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(bytes)}`;
}

function failed(what: string, { failure, report }: EndpointCheck): CommandFailed {
  const obstacle = report?.kind === 'dry-run' ? report.obstacle : null;
  const why = failure?.message ?? obstacle ?? 'the files that would fail are listed';
  return new CommandFailed(exitCodes.runNotSucceeded, `${what}: ${why}`);
}
