import type { OpenPgpKey } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { formatTime } from '../format.js';
import { addLimit, given } from '../options.js';
import type { Output } from '../output.js';
import { fetchUpTo, printPage } from '../paging.js';
import { readSecret } from '../secret.js';

export function addOpenPgpKeyCommands(program: Command, context: Context): void {
  const key = program.command('openpgp-key').description('OpenPGP keys that transforms name');
  const { signal, streams, out } = context;

  key
    .command('import <name>')
    .description('keep a key: public, or private with its public part; from standard input, or from a file')
    .option('--file <file>', 'an armored key, as "gpg --armor --export" or "--export-secret-keys" writes it')
    .option('--passphrase-file <file>', 'of a locked private key')
    .action(async (name: string, { file, passphraseFile }: { file?: string; passphraseFile?: string }) => {
      const client = await context.client();
      const armored = `${await readSecret('key', file, streams, signal)}\n`;
      const passphrase =
        passphraseFile === undefined
          ? undefined
          : await readSecret('passphrase', passphraseFile, streams, signal);
      const body = { name, armored, ...given({ passphrase }) };
      show(out, await client.call('importOpenPgpKey', { body, signal }));
    });

  addLimit(key.command('list').description('list keys')).action(async ({ limit }: { limit: number }) => {
    const client = await context.client();
    const page = await fetchUpTo(limit, (query) => client.call('listOpenPgpKeys', { query, signal }));
    printPage(out, page, [
      { title: 'NAME', value: (k) => k.name },
      { title: 'FINGERPRINT', value: (k) => k.fingerprint },
      { title: 'USER', value: (k) => k.userIds[0] ?? '' },
      { title: 'PRIVATE', value: (k) => (k.hasPrivatePart ? 'yes' : 'no') },
      { title: 'EXPIRES', value: (k) => formatTime(k.expiresAt) },
    ]);
  });

  key
    .command('show <key>')
    .description('show a key')
    .action(async (id: string) => {
      const client = await context.client();
      show(out, await client.call('getOpenPgpKey', { params: { id }, signal }));
    });

  key
    .command('export <key>')
    .description('print the public part, to give to partners')
    .action(async (id: string) => {
      const client = await context.client();
      const found = await client.call('getOpenPgpKey', { params: { id }, signal });
      out.result(found, () => out.line(found.publicKey.trimEnd()));
    });

  key
    .command('remove <key>')
    .description('forget a key that no transfer names any more')
    .action(async (id: string) => {
      const client = await context.client();
      const removed = await client.call('removeOpenPgpKey', { params: { id }, signal });
      out.result(removed, () => out.line(`${removed.name} was removed`));
    });
}

function show(out: Output, key: OpenPgpKey): void {
  out.result(key, () =>
    out.fields({
      Name: key.name,
      Fingerprint: key.fingerprint,
      Users: key.userIds.join(', '),
      'Can encrypt': key.canEncrypt ? 'yes' : 'no',
      'Can sign': key.canSign ? 'yes' : 'no',
      'Private part': key.hasPrivatePart ? 'kept, encrypted' : 'none',
      Expires: formatTime(key.expiresAt),
      Id: key.id,
    }),
  );
}
