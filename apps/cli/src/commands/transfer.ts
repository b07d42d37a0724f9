import type { Asked, Definition, Transfer } from '@waybill/contract';
import { type Command, Option } from 'commander';
import type { Context } from '../context.js';
import { type DefinitionOptions, definitionOf, hasDefinition } from '../definition.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { formatDuration, formatTime } from '../format.js';
import { endpointNames, type Names } from '../names.js';
import { addLimit, collect, given, positive, readJson, wholeNumber } from '../options.js';
import { fetchUpTo, printPage } from '../paging.js';
import { followRun, printRun } from '../show-run.js';
import { addDryRunCommand } from './dry-run.js';

interface TransferOptions extends DefinitionOptions {
  readonly file?: string;
  readonly disabled?: boolean;
  readonly enabled?: boolean;
}

export function addTransferCommands(program: Command, context: Context): void {
  const transfer = program
    .command('transfer')
    .description('definitions: from where, to where, which files, what then');
  const { signal } = context;

  fieldsOf(transfer.command('add [name]').description('define a transfer, by options or out of a JSON file'))
    .option('--disabled', 'make no runs for now')
    .action(async (name: string | undefined, options: TransferOptions) => {
      const client = await context.client();
      const fromFile = await fileOf(options);
      const chosen = name ?? fromFile?.name;
      if (chosen === undefined) throw new CommandFailed(exitCodes.invalid, 'give the name of the transfer');
      const body = {
        ...fromFile,
        name: chosen,
        ...given({ enabled: options.disabled ? false : undefined }),
        definition: definitionOf(options, fromFile?.definition),
      };
      await show(context, await client.call('createTransfer', { body, signal }));
    });

  addLimit(transfer.command('list').description('list transfers')).action(
    async ({ limit }: { limit: number }) => {
      const client = await context.client();
      const page = await fetchUpTo(limit, (query) => client.call('listTransfers', { query, signal }));
      const endpoints = context.out.json ? String : await endpointNames(client, signal);
      printPage(context.out, page, [
        { title: 'NAME', value: (t) => t.name },
        { title: 'KIND', value: (t) => t.kind },
        { title: 'FROM', value: (t) => place(t.definition.source, endpoints) },
        { title: 'FILES', value: (t) => patterns(t.definition) },
        { title: 'TO', value: (t) => place(t.definition.target, endpoints) },
        { title: 'ENABLED', value: (t) => (t.enabled ? 'yes' : 'no') },
        { title: 'VERSION', value: (t) => t.version, align: 'right' },
      ]);
    },
  );

  transfer
    .command('show <transfer>')
    .description('show a transfer with its current definition')
    .action(async (id: string) => {
      const client = await context.client();
      await show(context, await client.call('getTransfer', { params: { id }, signal }));
    });

  fieldsOf(
    transfer
      .command('update <transfer>')
      .description('change a transfer; what is not mentioned stays, another definition is a new version'),
  )
    .option('--name <name>', 'new name')
    .option('--enabled', 'make runs again')
    .option('--disabled', 'make no runs for now')
    .action(async (id: string, options: TransferOptions & { name?: string }) => {
      const client = await context.client();
      const params = { id };
      const fromFile = await fileOf(options);
      const enabled = options.enabled ? true : options.disabled ? false : undefined;
      const base = fromFile?.definition ?? (await client.call('getTransfer', { params, signal })).definition;
      const definition =
        fromFile?.definition || hasDefinition(options) ? definitionOf(options, base) : undefined;
      const body = { ...fromFile, ...given({ name: options.name, enabled, definition }) };
      await show(context, await client.call('updateTransfer', { params, body, signal }));
    });

  addLimit(
    transfer.command('versions <transfer>').description('list the versions of a transfer, newest first'),
  ).action(async (id: string, { limit }: { limit: number }) => {
    const client = await context.client();
    const params = { id };
    const page = await fetchUpTo(limit, (query) =>
      client.call('listTransferVersions', { params, query, signal }),
    );
    const endpoints = context.out.json ? String : await endpointNames(client, signal);
    printPage(context.out, page, [
      { title: 'VERSION', value: (v) => v.version, align: 'right' },
      { title: 'SINCE', value: (v) => formatTime(v.createdAt) },
      { title: 'FROM', value: (v) => place(v.definition.source, endpoints) },
      { title: 'FILES', value: (v) => patterns(v.definition) },
      { title: 'TO', value: (v) => place(v.definition.target, endpoints) },
      { title: 'SOURCE', value: (v) => disposition(v.definition) },
      { title: 'VERIFICATION', value: (v) => verification(v.definition) },
    ]);
  });

  transfer
    .command('forget <transfer>')
    .description('have a transfer that takes new files only take files again that it has delivered')
    .requiredOption('--path <path>', 'their path at the source, or a glob for names, such as out/*.csv')
    .action(async (id: string, body: { path: string }) => {
      const client = await context.client();
      const forgotten = await client.call('forgetFiles', { params: { id }, body, signal });
      context.out.result(forgotten, () => context.out.fields({ 'Files forgotten': forgotten.files }));
    });

  addRunCommand(transfer, context);
  addDryRunCommand(transfer, context);
}

interface RunOptions {
  readonly wait?: boolean;
  readonly idempotencyKey?: string;
}

function addRunCommand(transfer: Command, context: Context): void {
  transfer
    .command('run <transfer>')
    .description('run a transfer now')
    .option('--wait', 'show progress until the run has ended; exit code 1 unless it succeeded')
    .option('--idempotency-key <key>', 'the same key again answers with the same run')
    .action(async (id: string, { wait, idempotencyKey }: RunOptions) => {
      const client = await context.client();
      const headers = given({ 'Idempotency-Key': idempotencyKey });
      const run = await client.call('triggerRun', { params: { id }, headers, signal: context.signal });
      if (wait) return followRun(context, client, run.id);
      printRun(context.out, run);
    });
}

function fieldsOf(command: Command): Command {
  return command
    .option('--file <file>', 'the request as the API takes it, as JSON; options go before it')
    .option('--from <endpoint:directory>', 'where the files come from')
    .option('--to <endpoint:directory>', 'where they go')
    .option('--include <pattern>', 'take files whose name matches; may be repeated (*)', collect)
    .option('--exclude <pattern>', 'but not these; may be repeated', collect)
    .addOption(
      new Option('--recursive <how>', 'take files of directories below too; what becomes of these').choices([
        'mirror',
        'flatten',
      ]),
    )
    .option('--claim-suffix <suffix>', 'rename files at the source before they are read, such as .processing')
    .addOption(
      new Option('--claim-to <directory>', 'move them into this directory before they are read').conflicts(
        'claimSuffix',
      ),
    )
    .option('--no-claim', 'read files under their own names again')
    .option(
      '--set [control-file]',
      'all files of a run or none; those that match the pattern come last, and have to be there',
    )
    .option('--no-set', 'each file by itself again')
    .option('--target-name <template>', 'names at the target, such as {stem}-{seq:3}{.ext} ({name})')
    .addOption(new Option('--keep-source', 'leave the source files (default)'))
    .addOption(
      new Option('--delete-source', 'remove the source file after verified delivery').conflicts('keepSource'),
    )
    .addOption(
      new Option('--archive-to <directory>', 'move the source file there after verified delivery').conflicts([
        'keepSource',
        'deleteSource',
      ]),
    )
    .addOption(
      new Option('--conflict <rule>', 'if the target has a file of that name (replace)').choices([
        'replace',
        'skip',
        'fail',
        'rename',
        'append',
      ]),
    )
    .option('--rename-suffix <text>', 'of --conflict rename: added to a name that is taken ( ({n}))')
    .addOption(new Option('--preserve-times', 'files keep the time of modification of the source (default)'))
    .addOption(new Option('--no-preserve-times', 'files have the time of their arrival'))
    .option('--mode <mode>', 'permissions of the files, such as 0640, preserve, or default (default)')
    .addOption(
      new Option(
        '--verification <level>',
        'the weakest proof of arrival that counts (what the target endpoint requires)',
      ).choices(['none', 'size', 'read-back', 'remote-hash']),
    )
    .addOption(new Option('--read-back', 'the same as --verification read-back').conflicts('verification'))
    .addOption(new Option('--no-read-back', 'the same as --verification size').conflicts('verification'))
    .option('--concurrency <n>', 'files moved at once (4)', positive)
    .option('--max-attempts <n>', 'attempts in all (5)', positive)
    .option(
      '--first-delay <ms>',
      'wait before the second attempt; then doubled each time (5000)',
      wholeNumber,
    )
    .option('--max-delay <ms>', 'longest wait between attempts (900000)', wholeNumber);
}

type FileContent = Partial<Asked<'createTransfer', 'body'>>;

/** The API says what is wrong with it. */
async function fileOf({ file }: TransferOptions): Promise<FileContent | undefined> {
  return file === undefined ? undefined : ((await readJson(file)) as FileContent);
}

async function show(context: Context, transfer: Transfer): Promise<void> {
  const { out, signal } = context;
  if (out.json) {
    out.document(transfer);
    return;
  }
  const endpoints = await endpointNames(await context.client(), signal);
  const { definition } = transfer;
  const { maxAttempts, firstDelayMs, maxDelayMs } = definition.retry;
  out.fields({
    Name: transfer.name,
    Kind: transfer.kind,
    Enabled: transfer.enabled ? 'yes' : 'no',
    Version: transfer.version,
    From: place(definition.source, endpoints),
    Files: patterns(definition),
    'Rules for files': definition.source.selection && JSON.stringify(definition.source.selection),
    'Required checksum files': checksumFile(definition.source.checksumFile),
    'Claimed before reading': claim(definition),
    'All or none': set(definition),
    To: place(definition.target, endpoints),
    'Target names': definition.target.name,
    Transforms: definition.transforms && JSON.stringify(definition.transforms),
    'Checksum files at the target': checksumFile(definition.target.checksumFile),
    Acknowledgement: acknowledgement(definition.target.acknowledgement),
    'Source files': disposition(definition),
    'If the target exists': conflict(definition),
    Times: definition.target.preserveTimes === false ? 'of arrival' : 'of the source',
    Mode: definition.target.mode,
    'If the content was delivered before': duplicates(definition),
    Verification: verification(definition),
    'At once': definition.concurrency,
    Retry: `${maxAttempts} attempts, waits of ${formatDuration(firstDelayMs)} to ${formatDuration(maxDelayMs)}`,
    Id: transfer.id,
  });
}

function place(
  { endpointId, directory }: { endpointId: string; directory: string },
  endpoints: Names,
): string {
  return `${endpoints(endpointId)}:${directory}`;
}

function patterns({ source }: Definition): string {
  return [...source.include, ...source.exclude.map((pattern) => `not ${pattern}`)].join(', ');
}

function conflict({ conflict: rule, target }: Definition): string {
  return target.renameSuffix === undefined ? rule : `${rule}, with "${target.renameSuffix}"`;
}

function claim({ source }: Definition): string | undefined {
  if (!source.claim) return undefined;
  return 'suffix' in source.claim ? `by the suffix ${source.claim.suffix}` : `to ${source.claim.directory}`;
}

function set({ set: asked }: Definition): string | undefined {
  return asked && (asked.controlFile === undefined ? 'yes' : `yes, ${asked.controlFile} last`);
}

function duplicates({ duplicates: rule }: Definition): string | undefined {
  return rule && `${rule.action}, within ${rule.withinDays} days`;
}

function verification({ verification: asked }: Definition): string {
  return asked ?? 'as the target requires';
}

function checksumFile(
  rule: Definition['source']['checksumFile'] | Definition['target']['checksumFile'],
): string | undefined {
  if (!rule) return undefined;
  const format = 'format' in rule && rule.format ? `, ${rule.format}` : '';
  const grace =
    'graceMs' in rule && rule.graceMs !== undefined ? ` within ${formatDuration(rule.graceMs)}` : '';
  return `${rule.name} (${rule.algorithm}${format})${grace}`;
}

function acknowledgement(rule: Definition['target']['acknowledgement']): string | undefined {
  if (!rule) return undefined;
  const { name, refusalName, directory, timeoutMs, afterwards = 'keep' } = rule;
  const refused = refusalName === undefined ? '' : `, refused by ${refusalName}`;
  const where = directory === undefined ? '' : ` in ${directory}`;
  return `${name}${refused}${where} within ${formatDuration(timeoutMs)}; ${afterwards} it`;
}

function disposition({ disposition: then }: Definition): string {
  return then.kind === 'archive' ? `archive to ${then.directory}` : then.kind;
}
