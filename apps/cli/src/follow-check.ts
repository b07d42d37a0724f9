import type { Client, EndpointCheck } from '@waybill/contract';
import type { Context } from './context.js';
import { CommandFailed } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { formatSpan } from './format.js';
import type { Output } from './output.js';
import { turns } from './show-run.js';

type Kind = EndpointCheck['kind'];
export type CheckReport<K extends Kind> = Extract<NonNullable<EndpointCheck['report']>, { kind: K }>;

/** Seconds that the service waits for the end of a check before it answers. */
const WAIT_S = 20;

/**
 * Waits for the end of a check.
 * @throws CommandFailed with the code `interrupted` at Ctrl-C: the check goes on
 */
export async function followCheck(
  { out, signal }: Context,
  client: Client,
  asked: EndpointCheck,
): Promise<EndpointCheck> {
  out.note(`waiting for a worker of pool ${asked.pool}`);
  return await untilOver(client, asked, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    const where =
      asked.kind === 'probe' || asked.kind === 'host-key-scan'
        ? `"waybill endpoint checks ${asked.endpointName}"`
        : `GET /api/v1/endpoint-checks/${asked.id}`;
    throw new CommandFailed(exitCodes.interrupted, `The check goes on. See what became of it by ${where}.`);
  });
}

async function untilOver(client: Client, asked: EndpointCheck, signal: AbortSignal): Promise<EndpointCheck> {
  const params = { id: asked.id };
  for (
    let check = asked;
    ;
    check = await client.call('getEndpointCheck', { params, query: { wait: WAIT_S }, signal })
  )
    if (check.state === 'succeeded' || check.state === 'failed') return check;
}

/** What every check has, above its report. */
export function printCheckHead(out: Output, check: EndpointCheck): void {
  out.fields({
    Endpoint: check.endpointName,
    Transfer: check.transferName,
    File: check.path,
    Check: check.kind,
    State: check.state,
    Failure: check.failure?.code,
    Reason: check.failure?.message,
    'Whose turn': check.failure && turns[check.failure.owner],
    'What to do': check.failure?.remedy,
    Worker: check.workerName,
    Duration: formatSpan(check.startedAt, check.finishedAt),
  });
}
