import type { Command } from 'commander';
import type { Context } from '../context.js';
import { formatTime } from '../format.js';
import { addLimit, given } from '../options.js';
import { fetchUpTo, printPage } from '../paging.js';

export function addWorkerCommands(program: Command, context: Context): void {
  const worker = program.command('worker').description('processes that execute attempts');

  addLimit(worker.command('list').description('list the workers that are up'))
    .option('--all', 'those that stopped as well')
    .action(async ({ limit, all }: { limit: number; all?: boolean }) => {
      const client = await context.client();
      const active = all ? undefined : ('true' as const);
      const page = await fetchUpTo(limit, (paging) =>
        client.call('listWorkers', { query: { ...paging, ...given({ active }) }, signal: context.signal }),
      );
      printPage(context.out, page, [
        { title: 'NAME', value: (w) => w.name },
        { title: 'HOST', value: (w) => w.host },
        { title: 'PID', value: (w) => w.pid, align: 'right' },
        { title: 'POOLS', value: (w) => w.pools.join(', ') },
        { title: 'AT ONCE', value: (w) => w.concurrency, align: 'right' },
        { title: 'SEEN', value: (w) => formatTime(w.heartbeatAt) },
        { title: 'STOPPED', value: (w) => formatTime(w.stoppedAt) },
      ]);
    });
}
