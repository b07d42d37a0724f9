import type { Partner } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { formatTime } from '../format.js';
import { addLimit, given } from '../options.js';
import type { Output } from '../output.js';
import { fetchUpTo, printPage } from '../paging.js';

interface Fields {
  readonly title?: string;
  readonly notes?: string;
}

export function addPartnerCommands(program: Command, context: Context): void {
  const partner = program
    .command('partner')
    .description('organisations and systems that files are exchanged with');
  const { signal } = context;

  fieldsOf(partner.command('add <name>').description('define a partner')).action(
    async (name: string, { title, notes }: Fields) => {
      const client = await context.client();
      const body = { name, ...given({ title, notes }) };
      show(context.out, await client.call('createPartner', { body, signal }));
    },
  );

  addLimit(partner.command('list').description('list partners')).action(
    async ({ limit }: { limit: number }) => {
      const client = await context.client();
      const page = await fetchUpTo(limit, (query) => client.call('listPartners', { query, signal }));
      printPage(context.out, page, [
        { title: 'NAME', value: (p) => p.name },
        { title: 'TITLE', value: (p) => p.title },
      ]);
    },
  );

  partner
    .command('show <partner>')
    .description('show a partner')
    .action(async (id: string) => {
      const client = await context.client();
      show(context.out, await client.call('getPartner', { params: { id }, signal }));
    });

  fieldsOf(partner.command('update <partner>').description('change a partner'))
    .option('--name <name>', 'new name')
    .action(async (id: string, { name, title, notes }: Fields & { name?: string }) => {
      const client = await context.client();
      const body = given({ name, title, notes });
      show(context.out, await client.call('updatePartner', { params: { id }, body, signal }));
    });
}

function fieldsOf(command: Command): Command {
  return command
    .option('--title <text>', 'as people know it')
    .option('--notes <text>', 'whom to call, what was agreed');
}

function show(out: Output, partner: Partner): void {
  out.result(partner, () =>
    out.fields({
      Name: partner.name,
      Title: partner.title,
      Notes: partner.notes,
      Created: formatTime(partner.createdAt),
      Id: partner.id,
    }),
  );
}
