import { once } from 'node:events';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CommandFailed } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import { collect, given, wholeNumber } from '../options.js';
import type { SimulatedPartner } from '../partner-simulator.js';

interface SimulateOptions {
  readonly personality?: string[];
  readonly root?: string;
  readonly host?: string;
  readonly port?: number;
  readonly list?: boolean;
}

/** A partner to rehearse with. What it is made of is loaded by this command alone. */
export function addSimulateCommand(program: Command, context: Context): void {
  program
    .command('simulate')
    .description('run a simulated partner, well-behaved or with the faults of real servers, to rehearse with')
    .option(
      '--personality <name>',
      'a fault, or name=number to set it, such as cut-after=65536; may be repeated',
      collect,
    )
    .option('--root <directory>', 'directory that the account sees as / (a new one, removed at the end)')
    .option('--host <address>', 'where it listens (127.0.0.1)')
    .option('--port <port>', 'and on which port (a free one)', wholeNumber)
    .option('--list', 'name all personalities, and what Waybill promises against each')
    .action(async ({ list = false, personality = [], ...where }: SimulateOptions) => {
      if (list) return await listPersonalities(context);
      const { startSimulatedPartner } = await import('../partner-simulator.js');
      const onEvent = (event: { kind: string }) => context.out.note(JSON.stringify(event));
      const started = startSimulatedPartner({ personalities: personality, onEvent, ...given(where) });
      await using partner = await started.catch(startFailed);
      printPartner(context, partner, personality);
      if (!context.signal.aborted) await once(context.signal, 'abort');
    });
}

async function listPersonalities({ out }: Context): Promise<void> {
  const { allPersonalities } = await import('../partner-simulator.js');
  const rows = allPersonalities().map(({ name, does, promise, setting }) => ({
    ...{ name, does, promise },
    ...(setting && { setting }),
  }));
  out.result({ items: rows }, () => {
    for (const { name, does, promise, setting } of rows)
      out.line(
        `${name}${setting ? `=${setting.default} (${setting.unit})` : ''}\n  ${does}\n  Waybill: ${promise}`,
      );
  });
}

/** A wrong name, a missing directory or a port in use is told without a stack trace. */
function startFailed(cause: Error & { code?: unknown }): never {
  if (cause.name === 'PersonalityRefused')
    throw new CommandFailed(exitCodes.invalid, cause.message, { cause });
  if (typeof cause.code !== 'string') throw cause;
  throw new CommandFailed(exitCodes.unexpected, `cannot start: ${cause.message}`, { cause });
}

function printPartner({ out }: Context, partner: SimulatedPartner, personalities: readonly string[]): void {
  const { host, port, username, root, hostKey, fingerprint, keyFile } = partner;
  const document = { host, port, username, root, hostKey, fingerprint, keyFile, personalities };
  out.result(document, () => {
    out.fields({
      ...{ Address: `${host}:${port}`, Account: username, 'Files in': root, 'Key file': keyFile },
      ...{ 'Host key': hostKey, Fingerprint: fingerprint },
      Personality: personalities.join(', ') || 'well-behaved',
    });
  });
  out.note(
    `
Make it an endpoint, in another terminal:

  npx waybill partner add rehearsal
  npx waybill endpoint add rehearsal-sftp --partner rehearsal --host ${host} --port ${port} --username ${username}
  npx waybill endpoint trust rehearsal-sftp --key "${hostKey}"
  npx waybill endpoint credential rehearsal-sftp --kind private-key --file ${keyFile}

What happens is told below. Stop by Ctrl-C.
`,
  );
}
