import { versionIn } from '@waybill/program';
import { Command } from 'commander';
import { addAuditCommands } from './commands/audit.js';
import { addCalendarCommands } from './commands/calendar.js';
import { addExplainCommand } from './commands/dry-run.js';
import { addEndpointCommands } from './commands/endpoint.js';
import { addKeyCommands } from './commands/key.js';
import { addOpenPgpKeyCommands } from './commands/openpgp-key.js';
import { addPartnerCommands } from './commands/partner.js';
import { addRunCommands } from './commands/run.js';
import { addScheduleCommands } from './commands/schedule.js';
import { addSimulateCommand } from './commands/simulate.js';
import { addNotificationCommands, addSubscriptionCommands } from './commands/subscription.js';
import { addTransferCommands } from './commands/transfer.js';
import { addHostCommands } from './commands/up.js';
import { addWorkerCommands } from './commands/worker.js';
import type { Config } from './config.js';
import { Context } from './context.js';
import type { Streams } from './output.js';

const exitCodesHelp = `
Exit codes:
  0  it worked
  1  the run or check that was waited for did not end "succeeded"
  2  wrong usage, or a request that the service found invalid
  3  there is no such record
  4  no API key, a wrong one, or one that lacks the scope
  5  the service does not answer
  6  the chain of audit events is broken
  7  another record, or the state of this one, does not allow it
 70  anything else
130  interrupted by Ctrl-C`;

/** The whole command line. Ends no process: it throws what commander throws, ApiProblem, or CommandFailed. */
export function createProgram(config: Config, streams: Streams, signal: AbortSignal): Command {
  const program = new Command('waybill');
  program
    .description('managed file transfer: scheduled and on-demand SFTP exchanges, proven and audited')
    .option(
      '--url <url>',
      'where the service is (WAYBILL_URL; else what "waybill up" left in the data directory)',
    )
    .option('--api-key-file <file>', 'file with the API key (else WAYBILL_API_KEY)')
    .option('--data-dir <directory>', 'data directory of "waybill up" (WAYBILL_DATA_DIR; else .waybill)')
    .version(versionIn(new URL('../package.json', import.meta.url)), '--version', 'print the version')
    .option('--json', 'print what the API answers, for programs')
    .addHelpText('after', exitCodesHelp)
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
    })
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride();
  const context = new Context(program, config, streams, signal);
  for (const add of [
    addHostCommands,
    addSimulateCommand,
    addPartnerCommands,
    addEndpointCommands,
    addOpenPgpKeyCommands,
    addTransferCommands,
    addExplainCommand,
    addScheduleCommands,
    addCalendarCommands,
    addRunCommands,
    addAuditCommands,
    addSubscriptionCommands,
    addNotificationCommands,
    addKeyCommands,
    addWorkerCommands,
  ])
    add(program, context);
  return program;
}
