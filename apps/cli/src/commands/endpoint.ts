import type { Asked, Client, Endpoint } from '@waybill/contract';
import { type Command, Option } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { formatTime } from '../format.js';
import { type Names, partnerNames, placeOf } from '../names.js';
import { addLimit, given, positive } from '../options.js';
import { fetchUpTo, printPage } from '../paging.js';
import { readSecret } from '../secret.js';
import { profileFacts, profileWarnings } from '../show-profile.js';
import { addCheckCommands } from './endpoint-checks.js';
import { addLimitsOptions, changedLimits, type LimitsOptions, limitsFields } from './endpoint-limits.js';
import {
  type PartNamingOptions,
  parsePartNaming,
  partNamingSettings,
  partNamingShown,
} from './endpoint-part-naming.js';
import { parseLegacy, parseRoute, type RouteOptions, routeSettings, routeShown } from './endpoint-route.js';
import { addHostKeyCommands } from './host-keys.js';

interface SettingsOptions extends RouteOptions, PartNamingOptions {
  readonly local?: string;
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly root?: string;
  readonly connectTimeout?: number;
  readonly operationTimeout?: number;
  readonly maxChannels?: number;
  readonly remoteHash?: 'off' | 'check-file' | 'shell';
  readonly minimumAssurance?: 'none' | 'size' | 'read-back' | 'remote-hash';
  readonly bucket?: string;
  readonly s3Url?: string;
  readonly region?: string;
  readonly pathStyle?: boolean;
  readonly allowPlainHttp?: boolean;
}

interface EndpointOptions extends SettingsOptions, LimitsOptions {
  readonly partner?: string;
  readonly pool?: string;
}

type Settings = Asked<'createEndpoint', 'body'>['settings'];

export function addEndpointCommands(program: Command, context: Context): void {
  const endpoint = program.command('endpoint').description('configured places of a partner or ours');
  const { signal } = context;

  fieldsOf(
    endpoint
      .command('add <name>')
      .description('define an SFTP account (--host), a directory (--local) or an S3 bucket (--bucket)'),
  ).action(async (name: string, options: EndpointOptions) => {
    const client = await context.client();
    const { partner: partnerId, pool } = options;
    const limits = await changedLimits({}, options);
    const body = { name, settings: newSettings(options), ...given({ partnerId, pool, limits }) };
    await show(context, await client.call('createEndpoint', { body, signal }));
  });

  addLimit(endpoint.command('list').description('list endpoints'))
    .option('--partner <partner>', 'only those of this partner')
    .action(async ({ limit, partner }: { limit: number; partner?: string }) => {
      const client = await context.client();
      const page = await fetchUpTo(limit, (paging) =>
        client.call('listEndpoints', { query: { ...paging, ...given({ partner }) }, signal }),
      );
      const partners = context.out.json ? String : await partnerNames(client, signal);
      printPage(context.out, page, [
        { title: 'NAME', value: (e) => e.name },
        { title: 'PARTNER', value: (e) => (e.partnerId === null ? '' : partners(e.partnerId)) },
        { title: 'KIND', value: (e) => e.settings.kind },
        { title: 'PLACE', value: placeOf },
        { title: 'CREDENTIAL', value: (e) => e.credential?.kind ?? '' },
        { title: 'POOL', value: (e) => e.pool },
      ]);
    });

  endpoint
    .command('show <endpoint>')
    .description('show an endpoint, its host keys and what the newest probe found out')
    .action(async (id: string) => {
      const client = await context.client();
      await show(context, await client.call('getEndpoint', { params: { id }, signal }));
    });

  fieldsOf(endpoint.command('update <endpoint>').description('change an endpoint'))
    .option('--name <name>', 'new name')
    .action(async (id: string, options: EndpointOptions & { name?: string }) => {
      const client = await context.client();
      const { name, partner: partnerId, pool } = options;
      const params = { id };
      const current = await client.call('getEndpoint', { params, signal });
      const settings = hasSettings(options) ? changedSettings(current.settings, options) : undefined;
      const limits = await changedLimits(current.limits, options);
      const body = given({ name, partnerId, pool, settings, limits });
      await show(context, await client.call('updateEndpoint', { params, body, signal }));
    });

  endpoint
    .command('resume <endpoint>')
    .description('let runs go to an endpoint again that was suspended because they did not reach it')
    .action(async (id: string) => {
      const client = await context.client();
      await show(context, await client.call('resumeEndpoint', { params: { id }, signal }));
    });

  addHostKeyCommands(endpoint, context);
  addCheckCommands(endpoint, context);
  addCredentialCommand(endpoint, context);
}

function fieldsOf(command: Command): Command {
  return addLimitsOptions(command)
    .option('--partner <partner>', 'whose it is; without, the place is ours')
    .option('--pool <pool>', 'the pool whose workers can reach it')
    .option('--local <directory>', 'a directory that the workers can see, as an absolute path')
    .option('--host <host>', 'host name or address of an SFTP server')
    .option('--port <port>', 'its port (22)', positive)
    .option('--username <name>', 'the account')
    .option('--root <directory>', 'where all paths of the endpoint begin (the login directory; the bucket)')
    .option('--connect-timeout <ms>', 'for connecting and logging in together (20000)', positive)
    .option('--operation-timeout <ms>', 'for every single request (30000)', positive)
    .option(
      '--max-channels <n>',
      'channels of the connection that a large file may use at once (10)',
      positive,
    )
    .addOption(
      new Option(
        '--remote-hash <source>',
        'where the server may be asked for a hash: check-file alone, also sha256sum in its shell, or off (check-file)',
      ).choices(['off', 'check-file', 'shell']),
    )
    .addOption(
      new Option(
        '--minimum-assurance <level>',
        'what every delivery to this endpoint has to prove at least (size)',
      ).choices(['none', 'size', 'read-back', 'remote-hash']),
    )
    .option(
      '--part-naming <how>',
      'names of files on their way there: suffix:<text>, prefix:<text>, directory:<directory>, none (straight under the ' +
        'final name), or own (own)',
      parsePartNaming,
    )
    .option('--bucket <bucket>', 'a bucket of an S3-compatible object store')
    .option('--s3-url <url>', "address of the store, such as https://s3.example.com (Amazon's)")
    .option('--region <region>', 'region of the bucket (us-east-1)')
    .option('--path-style', 'name the bucket in the path, not in the host: what most stores but Amazon want')
    .option('--allow-plain-http', 'take an --s3-url of plain http, which all on the network can read')
    .option(
      '--route <route>',
      'how to get there: socks5://[user@]host:port, http-connect://[user@]host:port, jump:<endpoint>, or direct',
      parseRoute,
    )
    .option(
      '--legacy <algorithms>',
      'weak algorithms that this server may use, separated by commas; "none" takes them away',
      parseLegacy,
    );
}

function newSettings(options: SettingsOptions): Settings {
  const { local, host, username, bucket, minimumAssurance } = options;
  const partNaming = given(partNamingSettings(options));
  if ([local, host, bucket].filter((place) => place !== undefined).length > 1)
    throw usage('give one of --local, --host and --bucket');
  if (bucket !== undefined) return { kind: 's3', bucket, ...s3Options(refusePartNaming(options)) };
  if (local !== undefined)
    return { kind: 'local', root: local, ...given({ minimumAssurance }), ...partNaming };
  if (host === undefined || username === undefined)
    throw usage(
      'give --host and --username of an SFTP account, --local with a directory, or --bucket with the name of a bucket',
    );
  const route = given(routeSettings(options));
  return { kind: 'sftp', host, username, ...sftpOptions(options), ...route, ...partNaming };
}

function changedSettings(current: Endpoint['settings'], options: SettingsOptions): Settings {
  const { minimumAssurance } = options;
  if (current.kind === 's3')
    return { ...current, ...given({ bucket: options.bucket }), ...s3Options(refusePartNaming(options)) };
  const { partNaming: naming, ...unnamed } = current;
  const partNaming = given(partNamingSettings({ partNaming: naming, ...options }));
  if (unnamed.kind === 'local')
    return { ...unnamed, ...given({ root: options.local ?? options.root, minimumAssurance }), ...partNaming };
  if (options.local !== undefined)
    throw usage('this endpoint is an SFTP account; --local is for directories');
  const { route, legacyAlgorithms, ...others } = unnamed;
  return {
    ...others,
    ...given({ host: options.host, username: options.username }),
    ...sftpOptions(options),
    ...given(routeSettings({ route, legacy: legacyAlgorithms, ...options })),
    ...partNaming,
  };
}

function refusePartNaming(options: SettingsOptions): SettingsOptions {
  if (options.partNaming === undefined) return options;
  throw usage('an object shows once it is whole: a bucket needs no --part-naming');
}

function sftpOptions(options: SettingsOptions) {
  const { port, root, connectTimeout, operationTimeout, maxChannels, remoteHash, minimumAssurance } = options;
  return given({
    ...{ port, root, maxChannels, remoteHash, minimumAssurance },
    ...{ connectTimeoutMs: connectTimeout, operationTimeoutMs: operationTimeout },
  });
}

function s3Options(options: SettingsOptions) {
  const { s3Url: url, region, root, pathStyle, allowPlainHttp, connectTimeout, operationTimeout } = options;
  return given({
    ...{ url, region, root, pathStyle, allowPlainHttp, minimumAssurance: options.minimumAssurance },
    ...{ connectTimeoutMs: connectTimeout, operationTimeoutMs: operationTimeout },
  });
}

function hasSettings(options: SettingsOptions): boolean {
  const { local, host, username, root, bucket, route, legacy, partNaming } = options;
  const kinds = [...Object.values(sftpOptions(options)), ...Object.values(s3Options(options))];
  return [local, host, username, root, bucket, route, legacy, partNaming, ...kinds].some(
    (v) => v !== undefined,
  );
}

interface CredentialOptions {
  readonly kind: 'password' | 'private-key' | 'keyboard-interactive' | 'access-key';
  readonly accessKeyId?: string;
  readonly sessionTokenFile?: string;
  readonly file?: string;
  readonly passphraseFile?: string;
  readonly proxy?: boolean;
}

function addCredentialCommand(endpoint: Command, context: Context): void {
  const kinds = ['password', 'private-key', 'keyboard-interactive', 'access-key'];
  endpoint
    .command('credential <endpoint>')
    .description('set or replace the secret of an account: typed, from standard input, or from a file')
    .addOption(new Option('--kind <kind>', 'what it is').choices(kinds).default('password'))
    .option('--file <file>', 'where the secret is; "-" is standard input')
    .option('--passphrase-file <file>', 'where the passphrase of the private key is')
    .option('--access-key-id <id>', 'the public half of an access key; the secret is the other one')
    .option('--session-token-file <file>', 'where the session token of a temporary access key is')
    .option('--proxy', "the password of the route's proxy, instead of the account's")
    .action(async (id: string, options: CredentialOptions) => {
      const client = await context.client();
      if (options.proxy) return await setProxyPassword(id, options, client, context);
      const body = await readCredential(options, context);
      const { out, signal } = context;
      const stored = await client.call('setCredential', { params: { id }, body, signal });
      out.result(stored, () => out.line(`${id} now logs in by ${stored.kind}`));
    });
}

async function setProxyPassword(
  id: string,
  { kind, file }: CredentialOptions,
  client: Client,
  { streams, signal, out }: Context,
): Promise<void> {
  if (kind !== 'password') throw usage('a proxy takes a password only');
  const body = { password: await readSecret('password', file, streams, signal) };
  const stored = await client.call('setProxyCredential', { params: { id }, body, signal });
  out.result(stored, () => out.line(`the proxy of ${id} now gets this password`));
}

async function readCredential(
  options: CredentialOptions,
  context: Context,
): Promise<Asked<'setCredential', 'body'>> {
  const { kind, file, passphraseFile } = options;
  const { streams, signal } = context;
  if (kind === 'access-key') return readAccessKey(options, context);
  if (kind !== 'private-key') return { kind, password: await readSecret('password', file, streams, signal) };
  if (file === undefined && streams.stdin.isTTY)
    throw usage('give the file of the private key by --file, or pipe it into this command');
  // OpenSSH does not accept a key without the end of its last line.
  const privateKey = `${await readSecret('private key', file, streams, signal)}\n`;
  if (passphraseFile === undefined) return { kind, privateKey };
  return { kind, privateKey, passphrase: await readSecret('passphrase', passphraseFile, streams, signal) };
}

async function readAccessKey(
  { file, accessKeyId, sessionTokenFile }: CredentialOptions,
  { streams, signal }: Context,
): Promise<Asked<'setCredential', 'body'>> {
  if (accessKeyId === undefined) throw usage('give the id of the access key by --access-key-id');
  const secretAccessKey = await readSecret('secret access key', file, streams, signal);
  const key = { kind: 'access-key', accessKeyId, secretAccessKey } as const;
  if (sessionTokenFile === undefined) return key;
  const sessionToken = await readSecret('session token', sessionTokenFile, streams, signal);
  return { ...key, sessionToken };
}

async function show(context: Context, endpoint: Endpoint): Promise<void> {
  const { out, signal } = context;
  if (out.json) return out.document(endpoint);
  const client = await context.client();
  const partners: Names = endpoint.partnerId === null ? () => '' : await partnerNames(client, signal);
  const { items } = await client.call('listHostKeys', { params: { id: endpoint.id }, signal });
  out.fields({
    Name: endpoint.name,
    Partner: partners(endpoint.partnerId),
    Kind: endpoint.settings.kind,
    Place: placeOf(endpoint),
    Route: await routeShown(endpoint, client, signal),
    Pool: endpoint.pool,
    Credential: credentialShown(endpoint.credential),
    'Proxy password': endpoint.proxyCredential && formatTime(endpoint.proxyCredential.updatedAt),
    'Minimum assurance': endpoint.settings.minimumAssurance ?? 'size',
    'Remote hash':
      endpoint.settings.kind === 'sftp' ? (endpoint.settings.remoteHash ?? 'check-file') : undefined,
    'Part files': partNamingShown(endpoint),
    'Host keys': items.map((key) => `${key.fingerprint} (${key.state})`).join(', '),
    ...limitsFields(endpoint),
    ...profileFields(endpoint),
    Warnings: warningsShown(endpoint),
    Id: endpoint.id,
  });
  if (endpoint.settings.kind === 's3' && endpoint.settings.url?.startsWith('http:'))
    context.out.note(
      `Warning: ${endpoint.settings.url} is plain http: all on the network can read what is moved`,
    );
}

function credentialShown(credential: Endpoint['credential']): string | null {
  return credential && `${credential.kind}, ${formatTime(credential.updatedAt)}`;
}

function profileFields({ profile, profiledAt }: Endpoint): Record<string, string> {
  if (profile === null) return {};
  return { Probed: formatTime(profiledAt), Found: profileFacts(profile) };
}

/** Of what the settings allow, and of what the newest probe found. */
function warningsShown({ warnings, profile }: Endpoint): string {
  return [...warnings, ...(profile ? profileWarnings(profile) : [])].join('; ');
}

function usage(message: string): CommandFailed {
  return new CommandFailed(exitCodes.invalid, message);
}
