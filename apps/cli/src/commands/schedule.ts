import type { Occurrence, Schedule, SchedulePreview } from '@waybill/contract';
import { type Command, Option } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { formatTime } from '../format.js';
import { transferNames } from '../names.js';
import { addLimit, given, positive, wholeNumber } from '../options.js';
import { fetchUpTo, printPage } from '../paging.js';

const CRON = 'five crontab fields: minute, hour, day of month, month, day of week';
const CALENDAR_RULES = [
  'only-business-days',
  'only-holidays',
  'next-business-day',
  'previous-business-day',
] as const;

interface When {
  readonly timeZone?: string;
  /** `false`: none. */
  readonly calendar?: string | false;
  readonly calendarRule?: (typeof CALENDAR_RULES)[number];
}

interface Rule extends When {
  readonly cron?: string;
  readonly overlap?: Schedule['overlap'];
  readonly jitter?: number;
  readonly catchUp?: Schedule['catchUp'];
  readonly catchUpWithin?: number | false;
}

export function addScheduleCommands(program: Command, context: Context): void {
  const schedule = program.command('schedule').description('when transfers run');
  addDefineCommands(schedule, context);
  addPauseCommands(schedule, context);
  addOccurrenceCommands(schedule, context);
}

function addDefineCommands(schedule: Command, context: Context): void {
  const { signal } = context;

  ruleOf(schedule.command('add <name>').description('run a transfer by the clock'))
    .requiredOption('--transfer <transfer>', 'what runs')
    .requiredOption('--cron <line>', CRON)
    .option('--disabled', 'do not fire for now')
    .action(async (name: string, options: Rule & { transfer: string; cron: string; disabled?: boolean }) => {
      const client = await context.client();
      const { transfer: transferId, cron, disabled } = options;
      const enabled = disabled ? false : undefined;
      const body = { ...bodyOf(options), name, transferId, cron, ...given({ enabled }) };
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
        { title: 'CALENDAR', value: (s) => s.calendarName ?? '' },
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
    .option('--no-calendar', 'go by no calendar any more')
    .option('--no-catch-up-within', 'no limit any more')
    .action(async (id: string, options: Rule & { name?: string }) => {
      const client = await context.client();
      const { name, cron } = options;
      const body = { ...bodyOf(options), ...given({ name, cron }) };
      await show(context, await client.call('updateSchedule', { params: { id }, body, signal }));
    });
}

function addPauseCommands(schedule: Command, context: Context): void {
  const change = async (id: string, body: { enabled?: boolean; pausedUntil?: string | null }) => {
    const client = await context.client();
    const params = { id };
    await show(context, await client.call('updateSchedule', { params, body, signal: context.signal }));
  };
  for (const enabled of [true, false])
    schedule
      .command(`${enabled ? 'enable' : 'disable'} <schedule>`)
      .description(enabled ? 'let it fire again' : 'do not fire for now, nor record what falls due')
      .action((id: string) => change(id, { enabled }));

  schedule
    .command('pause <schedule>')
    .description('skip what falls due before a time, on the record')
    .requiredOption('--until <time>', 'such as 2026-12-24T12:00:00+01:00')
    .action((id: string, { until }: { until: string }) => change(id, { pausedUntil: until }));

  schedule
    .command('resume <schedule>')
    .description('end a pause')
    .action((id: string) => change(id, { pausedUntil: null }));
}

function addOccurrenceCommands(schedule: Command, context: Context): void {
  const { signal } = context;

  whenOf(
    schedule
      .command('preview [schedule]')
      .description('show the next occurrences, of a schedule or of a rule'),
  )
    .option('--cron <line>', `instead of a schedule: ${CRON}`)
    .addOption(new Option('--count <n>', 'how many').argParser(positive).default(10))
    .option('--from <time>', 'those after it, such as 2026-12-20T00:00:00Z (now)')
    .action(
      async (id: string | undefined, options: When & { cron?: string; count: number; from?: string }) => {
        const { cron, count, from, timeZone } = options;
        const client = await context.client();
        const query = { count, ...given({ from }) };
        if (id !== undefined && cron === undefined) {
          printPreview(context, await client.call('previewSchedule', { params: { id }, query, signal }));
          return;
        }
        if (cron === undefined || id !== undefined)
          throw new CommandFailed(exitCodes.invalid, 'name a schedule, or give a --cron line');
        const calendar = calendarOf(options) ?? undefined;
        const body = { cron, ...query, ...given({ timeZone, calendar }) };
        printPreview(context, await client.call('previewRule', { body, signal }));
      },
    );

  addLimit(schedule.command('occurrences <schedule>').description('list what fell due, newest first')).action(
    async (id: string, { limit }: { limit: number }) => {
      const client = await context.client();
      const params = { id };
      const page = await fetchUpTo(limit, (query) =>
        client.call('listOccurrences', { params, query, signal }),
      );
      printPage<Occurrence>(context.out, page, [
        { title: 'DUE', value: (o) => formatTime(o.dueAt) },
        { title: 'STATE', value: (o) => o.state },
        { title: 'RUN', value: (o) => o.runId ?? '' },
        { title: 'REASON', value: (o) => o.reason },
      ]);
    },
  );

  schedule
    .command('run <schedule>')
    .description('run for a past date: once for each of its due times')
    .requiredOption('--for <date>', "in the schedule's time zone, such as 2026-11-20")
    .option('--again', 'also what has run already')
    .action(async (id: string, { for: date, again }: { for: string; again?: boolean }) => {
      const client = await context.client();
      const body = { for: date, ...given({ again }) };
      const runs = await client.call('runForDate', { params: { id }, body, signal });
      context.out.result(runs, () =>
        context.out.table(runs.items, [
          { title: 'RUN', value: (run) => run.id },
          { title: 'DUE', value: (run) => formatTime(run.dueAt) },
          { title: 'STATE', value: (run) => run.state },
          { title: 'CREATED', value: (run) => formatTime(run.createdAt) },
        ]),
      );
    });
}

function whenOf(command: Command): Command {
  return command
    .option('--time-zone <zone>', 'IANA name such as Europe/Berlin (UTC)')
    .option('--calendar <calendar>', 'which days are business days')
    .addOption(
      new Option('--calendar-rule <rule>', 'what the calendar does (only-business-days)').choices(
        CALENDAR_RULES,
      ),
    );
}

function ruleOf(command: Command): Command {
  return whenOf(command)
    .option(
      '--overlap <rule>',
      'while a run of the transfer is open, the next is to queue, or to skip (queue)',
    )
    .addOption(
      new Option('--jitter <seconds>', 'begin up to so much later, always the same').argParser(wholeNumber),
    )
    .addOption(
      new Option(
        '--catch-up <rule>',
        'what happens with times that passed while nothing ran (latest)',
      ).choices(['skip', 'latest', 'all']),
    )
    .addOption(
      new Option('--catch-up-within <minutes>', 'leave what was missed by more').argParser(positive),
    );
}

function bodyOf(options: Rule) {
  const { timeZone, overlap, jitter: jitterSeconds, catchUp, catchUpWithin } = options;
  const catchUpWithinMinutes = catchUpWithin === false ? null : catchUpWithin;
  const calendar = calendarOf(options);
  return given({ timeZone, calendar, overlap, jitterSeconds, catchUp, catchUpWithinMinutes });
}

/** `null`: none. @throws CommandFailed for a rule without a calendar */
function calendarOf({ calendar, calendarRule }: When) {
  if (calendar === false) return null;
  if (calendar !== undefined) return { id: calendar, rule: calendarRule ?? 'only-business-days' };
  if (calendarRule === undefined) return undefined;
  throw new CommandFailed(exitCodes.invalid, 'a --calendar-rule needs the --calendar that it is about');
}

async function show(context: Context, schedule: Schedule): Promise<void> {
  const { out, signal } = context;
  if (out.json) {
    out.document(schedule);
    return;
  }
  const transfers = await transferNames(await context.client(), signal);
  const { calendar, calendarName, catchUpWithinMinutes: within } = schedule;
  out.fields({
    Name: schedule.name,
    Transfer: transfers(schedule.transferId),
    Cron: schedule.cron,
    'Time zone': schedule.timeZone,
    Calendar: calendar && `${calendarName}, ${calendar.rule}`,
    Overlap: schedule.overlap,
    Jitter: schedule.jitterSeconds > 0 ? `up to ${schedule.jitterSeconds} s` : '',
    'Missed times': within === null ? schedule.catchUp : `${schedule.catchUp}, up to ${within} min late`,
    'Paused until': formatTime(schedule.pausedUntil),
    Enabled: schedule.enabled ? 'yes' : 'no',
    Next: formatTime(schedule.nextDueAt),
    Id: schedule.id,
  });
}

function printPreview({ out }: Context, preview: SchedulePreview): void {
  const { timeZone, occurrences } = preview;
  out.result(preview, () =>
    out.table(occurrences, [
      { title: 'UTC', value: ({ dueAt }) => formatTime(dueAt) },
      { title: timeZone, value: ({ dueAt }) => inZone(dueAt, timeZone) },
      { title: 'STATE', value: ({ state }) => state },
      { title: 'REASON', value: ({ reason }) => reason },
    ]),
  );
}

function inZone(time: string, timeZone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'full', timeStyle: 'short' });
  return format.format(new Date(time));
}
