import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SetupFailed } from '../setup.mjs';
import { differences } from './files.mjs';

/** Defines partner, endpoints, a pull with its schedule, and a push, as any program would. */
export async function define(client, { partner, partnerRoot, ourRoot, privateKey }) {
  await client.call('createPartner', { body: { name: 'acme', title: 'ACME Corp. (simulated)' } });
  const { host, port, hostKey } = partner;
  const account = { kind: 'sftp', host, port, username: 'waybill', root: '/' };
  await client.call('createEndpoint', { body: { name: 'acme-sftp', partnerId: 'acme', settings: account } });
  await client.call('addHostKey', { params: { id: 'acme-sftp' }, body: { key: hostKey } });
  await client.call('setCredential', {
    params: { id: 'acme-sftp' },
    body: { kind: 'private-key', privateKey },
  });
  await client.call('createEndpoint', { body: { name: 'ours', settings: { kind: 'local', root: ourRoot } } });

  const pull = {
    source: { endpointId: 'acme-sftp', directory: 'statements' },
    target: { endpointId: 'ours', directory: 'statements' },
    disposition: { kind: 'archive', directory: 'statements/fetched' },
  };
  const push = {
    source: { endpointId: 'ours', directory: 'payments' },
    target: { endpointId: 'acme-sftp', directory: 'payments' },
    verification: 'read-back',
  };
  await client.call('createTransfer', { body: { name: 'acme-statements', definition: pull } });
  await client.call('createTransfer', { body: { name: 'acme-payments', definition: push } });
  const schedule = {
    name: 'acme-every-minute',
    transferId: 'acme-statements',
    cron: '* * * * *',
    enabled: false,
  };
  await client.call('createSchedule', { body: schedule });

  return [
    {
      transfer: 'acme-statements',
      source: path.join(partnerRoot, 'statements/fetched'),
      target: path.join(ourRoot, 'statements'),
    },
    {
      transfer: 'acme-payments',
      source: path.join(ourRoot, 'payments'),
      target: path.join(partnerRoot, 'payments'),
    },
  ];
}

/** Runs each of the transfers, shows how, and throws unless everything arrived whole. */
export async function runAll(exchanges, { client, cli, receipts, signal }) {
  const out = new cli.Output(process, { json: false, noColor: cli.readConfig().noColor });
  await mkdir(receipts, { recursive: true });
  for (const { transfer, source, target } of exchanges) {
    console.log(`\n${transfer}`);
    const { id } = await client.call('triggerRun', { params: { id: transfer } });
    const display = cli.displayRun(process.stdout);
    const run = await cli.watchRun(client, id, display, signal).finally(() => display.end());
    const { items } = await client.call('listDeliveries', { params: { id }, query: { limit: 200 } });
    console.log('');
    out.table(items, cli.deliveryColumns);
    if (run.state !== 'succeeded')
      throw new SetupFailed(
        `${transfer} ended ${run.state}: ${run.failure?.code} ${run.failure?.message ?? ''}`,
      );

    const wrong = await differences(source, target);
    if (wrong.length > 0) throw new SetupFailed(`The files of both sides differ:\n${wrong.join('\n')}`);
    const file = path.join(receipts, `${transfer}.json`);
    const receipt = await client.call('getReceipt', { params: { id } });
    await writeFile(file, `${JSON.stringify(receipt, null, 2)}\n`);
    console.log(`\nCompared with the files of both sides: all ${items.length} equal. Receipt: ${file}`);
  }
  // Only now, so that an occurrence does not fetch the same files at the same time.
  await client.call('updateSchedule', { params: { id: 'acme-every-minute' }, body: { enabled: true } });
}

/** Prints when the schedule will fire. */
export async function printDueTimes(client, { formatTime }) {
  const { occurrences } = await client.call('previewSchedule', {
    params: { id: 'acme-every-minute' },
    query: { count: 3 },
  });
  console.log(
    `\nSchedule acme-every-minute runs acme-statements next at ${occurrences.map(({ dueAt }) => formatTime(dueAt)).join(', ')}`,
  );
}

/** Prints each run that the schedule makes, until `signal`. */
export async function reportScheduledRuns({ client, cli, signal, pause }) {
  const seen = new Set();
  while (!signal.aborted) {
    const { items } = await client.call('listRuns', { query: { limit: 20, transfer: 'acme-statements' } });
    for (const run of items.reverse()) {
      if (run.trigger !== 'schedule' || run.finishedAt === null || seen.has(run.id)) continue;
      seen.add(run.id);
      console.log(
        `${cli.formatTime(run.finishedAt)}  scheduled ${run.transferName}: ${cli.describeState(run)}`,
      );
      if (run.failure) console.log(run.failure.message);
    }
    await pause();
  }
}
