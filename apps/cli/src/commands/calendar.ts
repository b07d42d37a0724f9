import type { Calendar } from '@waybill/contract';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { addLimit, collect, given, readText } from '../options.js';
import type { Output } from '../output.js';
import { fetchUpTo, printPage } from '../paging.js';

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

interface Days {
  readonly weekend?: string;
  readonly holiday?: readonly string[];
}

export function addCalendarCommands(program: Command, context: Context): void {
  const calendar = program.command('calendar').description('which days nobody works on');
  const { signal, out } = context;

  daysOf(calendar.command('create <name>').description('define a calendar')).action(
    async (name: string, days: Days) => {
      const client = await context.client();
      show(out, await client.call('createCalendar', { body: { name, ...bodyOf(days) }, signal }));
    },
  );

  addLimit(calendar.command('list').description('list calendars')).action(
    async ({ limit }: { limit: number }) => {
      const client = await context.client();
      const page = await fetchUpTo(limit, (query) => client.call('listCalendars', { query, signal }));
      printPage(out, page, [
        { title: 'NAME', value: (c) => c.name },
        { title: 'WEEKEND', value: weekendOf },
        { title: 'HOLIDAYS', value: (c) => c.holidays.length, align: 'right' },
        { title: 'FROM', value: (c) => c.holidays[0]?.date ?? '' },
        { title: 'TO', value: (c) => c.holidays.at(-1)?.date ?? '' },
      ]);
    },
  );

  calendar
    .command('show <calendar>')
    .description('show a calendar with its holidays')
    .action(async (id: string) => {
      const client = await context.client();
      show(out, await client.call('getCalendar', { params: { id }, signal }));
    });

  daysOf(calendar.command('update <calendar>').description('change a calendar, and when its schedules run'))
    .option('--name <name>', 'new name')
    .action(async (id: string, { name, ...days }: Days & { name?: string }) => {
      const client = await context.client();
      const body = { ...bodyOf(days), ...given({ name }) };
      show(out, await client.call('updateCalendar', { params: { id }, body, signal }));
    });

  calendar
    .command('import <calendar> <file>')
    .description('replace the holidays by the days of an iCalendar file (.ics)')
    .action(async (id: string, file: string) => {
      const client = await context.client();
      const body = { text: await readText(file) };
      show(out, await client.call('importHolidays', { params: { id }, body, signal }));
    });

  calendar
    .command('remove <calendar>')
    .description('forget a calendar that no schedule uses')
    .action(async (id: string) => {
      const client = await context.client();
      const removed = await client.call('removeCalendar', { params: { id }, signal });
      out.result(removed, () => out.line(`${removed.name} was removed`));
    });
}

function daysOf(command: Command): Command {
  return command
    .option('--weekend <days>', 'such as "fri,sat"; "none" for a week without end (sat,sun)')
    .option(
      '--holiday <date[=title]>',
      'such as "2026-12-25=Christmas Day"; all of them, one option each',
      collect,
    );
}

function bodyOf({ weekend, holiday }: Days) {
  return given({
    weekend: weekend === undefined ? undefined : readWeekend(weekend),
    holidays: holiday?.map(readHoliday),
  });
}

/** @throws CommandFailed */
function readWeekend(text: string): number[] {
  if (text === 'none') return [];
  return text.split(',').map((word) => {
    const index = WEEKDAYS.indexOf(word.trim().toLowerCase());
    if (index >= 0) return index + 1;
    throw new CommandFailed(exitCodes.invalid, `"${word}" is none of ${WEEKDAYS.join(', ')}`);
  });
}

function readHoliday(text: string): { date: string; title: string } {
  const [date = '', ...title] = text.split('=');
  return { date, title: title.join('=') };
}

function weekendOf({ weekend }: Calendar): string {
  return weekend.map((day) => WEEKDAYS[day - 1]).join(', ');
}

function show(out: Output, calendar: Calendar): void {
  out.result(calendar, () => {
    out.fields({ Name: calendar.name, Weekend: weekendOf(calendar) || 'none', Id: calendar.id });
    if (calendar.holidays.length === 0) return;
    out.line('');
    out.table(calendar.holidays, [
      { title: 'HOLIDAY', value: ({ date }) => date },
      { title: 'TITLE', value: ({ title }) => title },
    ]);
  });
}
