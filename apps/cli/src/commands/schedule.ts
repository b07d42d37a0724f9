import type { Schedule } from '@waybill/contract';
import { type Command, Option } from 'commander';
import type { Context } from '../context.js';
import { formatTime } from '../format.js';
import { transferNames } from '../names.js';
import { addLimit, given, positive } from '../options.js';
import { fetchUpTo, printPage } from '../paging.js';

const CRON = 'five crontab fields: minute, hour, day of month, month, day of week';

interface Rule {
  readonly cron?: string;
  readonly timeZone?: string;
  readonly catchUp?: 'skip' | 'latest' | 'all';
}

export function addScheduleCommands(program: Command, context: Context): void {
  const schedule = program.command('schedule').description('when transfers run');
  const { signal } = context;

  ruleOf(schedule.command('add <name>').description('run a transfer by the clock'))
    .requiredOption('--transfer <transfer>', 'what runs')
    .requiredOption('--cron <line>', CRON)
    .option('--disabled', 'do not fire for now')
    .action(async (name: string, options: Rule & { transfer: string; cron: string; disabled?: boolean }) => {
      const client = await context.client();
      const { transfer: transferId, cron, timeZone, catchUp, disabled } = options;
      const body = {
        name,
        transferId,
        cron,
        ...given({ timeZone, catchUp, enabled: disabled ? false : undefined }),
      };
      await show(context, await client.call('createSchedule', { body, signal }));
    });

  addLimit(schedule.command('list').description('list schedules'))
    .option('--transfer <transfer>', 'only those of this transfer')
    .action(async ({ limit, transfer }: { limit: number; transfer?: string }) => {
      const client = await context.client();
      const page = await fetchUpTo(limit, (paging) =>
        client.call('listSchedules', { query: { ...paging, ...given({ transfer }) }, signal }),
      );
      const transfers = context.out.json ? String : await transferNames(client, signal);
      printPage(context.out, page, [
        { title: 'NAME', value: (s) => s.name },
        { title: 'TRANSFER', value: (s) => transfers(s.transferId) },
        { title: 'CRON', value: (s) => s.cron },
        { title: 'TIME ZONE', value: (s) => s.timeZone },
        { title: 'NEXT', value: (s) => (s.enabled ? formatTime(s.nextDueAt) : 'disabled') },
      ]);
    });

  schedule
    .command('show <schedule>')
    .description('show a schedule')
    .action(async (id: string) => {
      const client = await context.client();
      await show(context, await client.call('getSchedule', { params: { id }, signal }));
    });

  ruleOf(schedule.command('update <schedule>').description('change a schedule'))
    .option('--name <name>', 'new name')
    .option('--cron <line>', CRON)
    .action(async (id: string, options: Rule & { name?: string }) => {
      const client = await context.client();
      const { name, cron, timeZone, catchUp } = options;
      const body = given({ name, cron, timeZone, catchUp });
      await show(context, await client.call('updateSchedule', { params: { id }, body, signal }));
    });

  for (const enabled of [true, false])
    schedule
      .command(`${enabled ? 'enable' : 'disable'} <schedule>`)
      .description(enabled ? 'let it fire again' : 'do not fire for now')
      .action(async (id: string) => {
        const client = await context.client();
        await show(
          context,
          await client.call('updateSchedule', { params: { id }, body: { enabled }, signal }),
        );
      });

  schedule
    .command('preview <schedule>')
    .description('show the next due times')
    .addOption(new Option('--count <n>', 'how many').argParser(positive).default(10))
    .action(async (id: string, { count }: { count: number }) => {
      const client = await context.client();
      const { out } = context;
      const preview = await client.call('previewSchedule', { params: { id }, query: { count }, signal });
      out.result(preview, () =>
        out.table(preview.due, [
          { title: 'UTC', value: formatTime },
          { title: preview.timeZone, value: (due) => inZone(due, preview.timeZone) },
        ]),
      );
    });
}

function ruleOf(command: Command): Command {
  return command
    .option('--time-zone <zone>', 'IANA name such as Europe/Berlin (UTC)')
    .addOption(
      new Option(
        '--catch-up <rule>',
        'what happens with times that passed while nothing ran (latest)',
      ).choices(['skip', 'latest', 'all']),
    );
}

async function show(context: Context, schedule: Schedule): Promise<void> {
  const { out, signal } = context;
  if (out.json) {
    out.document(schedule);
    return;
  }
  const transfers = await transferNames(await context.client(), signal);
  out.fields({
    Name: schedule.name,
    Transfer: transfers(schedule.transferId),
    Cron: schedule.cron,
    'Time zone': schedule.timeZone,
    'Missed times': schedule.catchUp,
    Enabled: schedule.enabled ? 'yes' : 'no',
    Next: formatTime(schedule.nextDueAt),
    Id: schedule.id,
  });
}

function inZone(time: string, timeZone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'full', timeStyle: 'short' });
  return format.format(new Date(time));
}
