import type { Client, HostKey } from '@waybill/contract';
import {
  findKnownHosts,
  formatKnownHost,
  type HostAddress,
  HostKeyRefused,
} from '@waybill/contract/known-hosts';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { formatTime } from '../format.js';
import { readText } from '../options.js';
import type { Output } from '../output.js';
import { readAll } from '../secret.js';

interface TrustOptions {
  readonly key?: string;
  readonly keyFile?: string;
  readonly knownHosts?: string;
  readonly fingerprint?: string;
}

export function addHostKeyCommands(endpoint: Command, context: Context): void {
  const { signal } = context;

  endpoint
    .command('trust <endpoint>')
    .description(
      'pin the host key of an SFTP server; confirm its fingerprint with the partner by another way first',
    )
    .option('--key <line>', 'the public key: "ssh-ed25519 AAAA…"')
    .option('--key-file <file>', 'keys, one a line, all of them this server\'s; "-" is standard input')
    .option(
      '--known-hosts <file>',
      'the keys that this known_hosts file has for the server; "-" is standard input',
    )
    .option('--fingerprint <fingerprint>', 'a key that is on record: trust it again')
    .action(async (id: string, options: TrustOptions) => {
      const client = await context.client();
      if (options.fingerprint !== undefined) {
        const key = await findHostKey(client, id, options.fingerprint, signal);
        await changeHostKey(context, client, key, 'active');
        return;
      }
      const lines = await hostKeyLines(id, options, context);
      const { items: known } = await client.call('listHostKeys', { params: { id }, signal });
      const trusted: HostKey[] = [];
      for (const line of lines)
        trusted.push(
          knownHostKey(id, line, known) ??
            (await client.call('addHostKey', { params: { id }, body: { key: line }, signal })),
        );
      printHostKeys(context.out, { items: trusted });
    });

  endpoint
    .command('host-keys <endpoint>')
    .description('list the pinned host keys')
    .option('--known-hosts', 'print the trusted ones as lines of known_hosts')
    .action(async (id: string, { knownHosts = false }: { readonly knownHosts?: boolean }) => {
      const client = await context.client();
      const list = await client.call('listHostKeys', { params: { id }, signal });
      if (!knownHosts || context.out.json) return printHostKeys(context.out, list);
      const address = await addressOf(id, context);
      for (const key of list.items.filter(({ state }) => state === 'active' || state === 'retiring'))
        context.out.line(formatKnownHost(address, key));
    });

  endpoint
    .command('distrust <endpoint> <fingerprint>')
    .description('revoke a pinned host key')
    .action(async (id: string, fingerprint: string) => {
      const client = await context.client();
      const key = await findHostKey(client, id, fingerprint, signal);
      await changeHostKey(context, client, key, 'revoked');
    });
}

async function findHostKey(
  client: Client,
  endpoint: string,
  fingerprint: string,
  signal: AbortSignal,
): Promise<HostKey> {
  const { items } = await client.call('listHostKeys', { params: { id: endpoint }, signal });
  const key = items.find((item) => item.fingerprint === fingerprint || item.id === fingerprint);
  if (key) return key;
  throw new CommandFailed(
    exitCodes.notFound,
    `${endpoint} has no host key ${fingerprint}; it has ${items.map((item) => item.fingerprint).join(', ') || 'none'}`,
  );
}

async function changeHostKey(
  { out, signal }: Context,
  client: Client,
  { id }: HostKey,
  state: 'active' | 'revoked',
): Promise<void> {
  const changed = await client.call('changeHostKey', { params: { id }, body: { state }, signal });
  printHostKeys(out, { items: [changed] });
}

/**
 * The key of `line` if it is trusted already.
 * @throws CommandFailed if it is on record but not trusted: a scanned key must not bring back one that was revoked
 */
function knownHostKey(endpoint: string, line: string, known: readonly HostKey[]): HostKey | undefined {
  const key = known.find(({ publicKey }) => line.split(/\s+/).includes(publicKey));
  if (key === undefined || key.state === 'active') return key;
  throw new CommandFailed(
    exitCodes.conflict,
    `${endpoint} has this host key on record as ${key.state}. To trust it again: waybill endpoint trust ${endpoint} --fingerprint ${key.fingerprint}`,
  );
}

async function hostKeyLines(
  id: string,
  { key, keyFile, knownHosts }: TrustOptions,
  context: Context,
): Promise<string[]> {
  if ([key, keyFile, knownHosts].filter((option) => option !== undefined).length !== 1)
    throw usage('give one of --key, --key-file, --known-hosts and --fingerprint');
  if (key !== undefined) return [key];
  const file = knownHosts ?? keyFile ?? '';
  const text = file === '-' ? await readAll(context.streams.stdin) : await readText(file);
  if (knownHosts !== undefined) return await knownHostLines(id, text, file, context);
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw usage(`there is no key in ${file}`);
  return lines;
}

async function knownHostLines(id: string, text: string, file: string, context: Context): Promise<string[]> {
  const address = await addressOf(id, context);
  try {
    const keys = findKnownHosts(text, address);
    if (keys.length > 0) return keys.map(({ algorithm, publicKey }) => `${algorithm} ${publicKey}`);
  } catch (error) {
    if (error instanceof HostKeyRefused) throw usage(`${file}, ${error.message}`);
    throw error;
  }
  throw usage(
    `${file} has no key of ${address.host}, port ${address.port}; ` +
      `"ssh-keyscan -p ${address.port} ${address.host}" prints what it offers`,
  );
}

async function addressOf(id: string, context: Context): Promise<HostAddress> {
  const client = await context.client();
  const { signal } = context;
  const { name, settings } = await client.call('getEndpoint', { params: { id }, signal });
  if (settings.kind === 'sftp') return settings;
  throw usage(`endpoint ${name} is of kind ${settings.kind}, which has no host key`);
}

function printHostKeys(out: Output, list: { readonly items: readonly HostKey[] }): void {
  out.result(list, () =>
    out.table(list.items, [
      { title: 'FINGERPRINT', value: (key) => key.fingerprint },
      { title: 'ALGORITHM', value: (key) => key.algorithm },
      { title: 'STATE', value: (key) => key.state },
      { title: 'ADDED', value: (key) => formatTime(key.createdAt) },
    ]),
  );
}

function usage(message: string): CommandFailed {
  return new CommandFailed(exitCodes.invalid, message);
}
