import type { Asked } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { formatTime } from '../format.js';
import { addLimit, collect, given } from '../options.js';
import { fetchUpTo, printPage } from '../paging.js';

type Scopes = Asked<'createApiKey', 'body'>['scopes'];

export function addKeyCommands(program: Command, context: Context): void {
  const key = program.command('key').description('API keys');
  const { signal } = context;

  key
    .command('add <name>')
    .description('make an API key; it is shown this once, on standard output')
    .requiredOption('--scope <scope>', 'read, operate, define, audit or admin; may be repeated', collect)
    .option('--expires <time>', 'such as 2027-01-01T00:00:00Z; without, it does not')
    .action(async (name: string, { scope, expires }: { scope: string[]; expires?: string }) => {
      const client = await context.client();
      const { out } = context;
      const body = { name, scopes: scope as Scopes, ...given({ expiresAt: expires }) };
      const created = await client.call('createApiKey', { body, signal });
      out.result(created, () => {
        out.note(`Key "${name}" (${created.scopes.join(', ')}). Keep it safe: it cannot be shown again.`);
        out.line(created.key);
      });
    });

  addLimit(key.command('list').description('list API keys')).action(async ({ limit }: { limit: number }) => {
    const client = await context.client();
    const page = await fetchUpTo(limit, (query) => client.call('listApiKeys', { query, signal }));
    printPage(context.out, page, [
      { title: 'NAME', value: (k) => k.name },
      { title: 'BEGINS', value: (k) => k.prefix },
      { title: 'SCOPES', value: (k) => k.scopes.join(', ') },
      { title: 'LAST USED', value: (k) => formatTime(k.lastUsedAt) },
      { title: 'EXPIRES', value: (k) => formatTime(k.expiresAt) },
      { title: 'REVOKED', value: (k) => formatTime(k.revokedAt) },
    ]);
  });

  key
    .command('revoke <key>')
    .description('revoke an API key, at once and for good')
    .action(async (id: string) => {
      const client = await context.client();
      const { out } = context;
      const revoked = await client.call('revokeApiKey', { params: { id }, signal });
      out.result(revoked, () => out.line(`${revoked.name} was revoked`));
    });
}
