import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { formatTime } from '../format.js';
import { addLimit, given } from '../options.js';
import { fetchUpTo, printPage } from '../paging.js';

interface ListOptions {
  readonly limit: number;
  readonly type?: string;
  readonly subject?: string;
  readonly denied?: boolean;
  readonly since?: string;
  readonly until?: string;
}

export function addAuditCommands(program: Command, context: Context): void {
  const audit = program.command('audit').description('who did what, when');
  const { signal } = context;

  addLimit(audit.command('list').description('list audit events, newest first'))
    .option('--type <type>', 'such as transfer.created')
    .option('--subject <kind/id>', 'what it happened to, such as transfer/0198…')
    .option('--denied', 'only what was denied')
    .option('--since <time>', 'at or after, such as 2026-03-01T06:00:00Z')
    .option('--until <time>', 'before')
    .action(async ({ limit, type, subject, denied, since, until }: ListOptions) => {
      const client = await context.client();
      const [subjectKind, subjectId] = subject?.split('/') ?? [];
      const outcome = denied ? ('denied' as const) : undefined;
      const filters = given({ type, subjectKind, subjectId, outcome, since, until });
      const page = await fetchUpTo(limit, (paging) =>
        client.call('listAuditEvents', { query: { ...paging, ...filters }, signal }),
      );
      printPage(context.out, page, [
        { title: 'SEQ', value: (e) => e.seq, align: 'right' },
        { title: 'AT', value: (e) => formatTime(e.at) },
        { title: 'TYPE', value: (e) => e.type },
        { title: 'OUTCOME', value: (e) => e.outcome },
        { title: 'DESCRIPTION', value: (e) => e.description },
      ]);
    });

  audit
    .command('verify')
    .description('walk the whole chain of events; exit code 6 if one was altered, removed or inserted')
    .action(async () => {
      const client = await context.client();
      const { out } = context;
      const found = await client.call('verifyAuditEvents', { signal });
      if (found.intact) {
        out.result(found, () =>
          out.line(`The chain is intact: ${found.count} events, head ${found.headHash}`),
        );
        return;
      }
      if (out.json) out.document(found);
      const { kind, seq, eventId, message } = found.problem;
      throw new CommandFailed(
        exitCodes.auditChainBroken,
        `The chain is broken at event ${seq}${eventId ? ` (${eventId})` : ''}, ${kind}: ${message}`,
      );
    });
}
