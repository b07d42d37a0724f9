import { writeFile } from 'node:fs/promises';
import type { OpenPgpKey } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { formatTime } from '../format.js';
import { addLimit, given } from '../options.js';
import type { Output } from '../output.js';
import { fetchUpTo, printPage } from '../paging.js';
import { readSecret } from '../secret.js';

interface ImportOptions {
  readonly file?: string;
  readonly passphraseFile?: string;
  readonly passphrase?: boolean;
}

export function addOpenPgpKeyCommands(program: Command, context: Context): void {
  const key = program
    .command('openpgp-key')
    .description('OpenPGP keys that transforms name: those of partners, and ours');
  const { signal } = context;

  key
    .command('import <name>')
    .description('import an armored key, public or private: from a file, or from standard input')
    .option('--file <file>', 'where the key is; "-" is standard input')
    .option('--passphrase-file <file>', 'where the passphrase of a locked private key is')
    .option('--passphrase', 'ask for it')
    .action(async (name: string, options: ImportOptions) => {
      const client = await context.client();
      const body = { name, ...(await readOffered(options, context)) };
      show(context.out, await client.call('importOpenPgpKey', { body, signal }));
    });

  addLimit(key.command('list').description('list OpenPGP keys')).action(
    async ({ limit }: { limit: number }) => {
      const client = await context.client();
      const page = await fetchUpTo(limit, (query) => client.call('listOpenPgpKeys', { query, signal }));
      printPage(context.out, page, [
        { title: 'NAME', value: (k) => k.name },
        { title: 'FINGERPRINT', value: (k) => k.fingerprint },
        { title: 'USED TO', value: usesOf },
        { title: 'EXPIRES', value: (k) => formatTime(k.expiresAt) },
        { title: 'OWNER', value: (k) => k.userIds.join(', ') },
      ]);
    },
  );

  key
    .command('show <key>')
    .description('show an OpenPGP key')
    .action(async (id: string) => {
      const client = await context.client();
      show(context.out, await client.call('getOpenPgpKey', { params: { id }, signal }));
    });

  key
    .command('export <key>')
    .description('print the public part, to give to partners; the private part never leaves')
    .option('--output <file>', 'write it there')
    .action(async (id: string, { output }: { output?: string }) => {
      const client = await context.client();
      const { out } = context;
      const { publicKey } = await client.call('getOpenPgpKey', { params: { id }, signal });
      if (output === undefined) return out.line(publicKey.trimEnd());
      await writeFile(output, publicKey);
      out.note(`Written to ${output}.`);
    });

  key
    .command('remove <key>')
    .description('remove an OpenPGP key that no transfer names any more')
    .action(async (id: string) => {
      const client = await context.client();
      const removed = await client.call('removeOpenPgpKey', { params: { id }, signal });
      context.out.result(removed, () => context.out.line(`${removed.name} was removed`));
    });
}

async function readOffered(
  { file, passphraseFile, passphrase: ask }: ImportOptions,
  { streams, signal }: Context,
) {
  const fromStdin = file === undefined || file === '-';
  if (file === undefined && streams.stdin.isTTY)
    throw usage('give the file of the key by --file, or pipe it into this command');
  if (ask && (fromStdin || !streams.stdin.isTTY))
    throw usage('--passphrase asks at a terminal, with the key in a --file; else give --passphrase-file');
  const armored = `${await readSecret('OpenPGP key', file, streams, signal)}\n`;
  const passphrase =
    ask || passphraseFile !== undefined
      ? await readSecret('passphrase', passphraseFile, streams, signal)
      : undefined;
  return { armored, ...given({ passphrase }) };
}

/** What transforms can do with it. */
function usesOf({ canEncrypt, canSign, hasPrivatePart }: OpenPgpKey): string {
  const uses = [
    ...(canEncrypt ? ['encrypt', ...(hasPrivatePart ? ['decrypt'] : [])] : []),
    ...(canSign ? ['verify', ...(hasPrivatePart ? ['sign'] : [])] : []),
  ];
  return uses.join(', ');
}

function show(out: Output, key: OpenPgpKey): void {
  out.result(key, () =>
    out.fields({
      Name: key.name,
      Fingerprint: key.fingerprint,
      Owner: key.userIds.join(', '),
      'Used to': usesOf(key),
      'Private part': key.hasPrivatePart ? 'kept here, encrypted' : 'not here',
      Expires: formatTime(key.expiresAt),
      Imported: formatTime(key.createdAt),
      Id: key.id,
    }),
  );
}

function usage(message: string): CommandFailed {
  return new CommandFailed(exitCodes.invalid, message);
}
