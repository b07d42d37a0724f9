// One move by Waybill's engine or by `ssh2-sftp-client`, in a process of its own. Told what to do as JSON in the first
// argument; measured from connecting to the end, without the start of Node, since a service runs already.
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { defaultRetryPolicy, newId, parsePath } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import { openSftpEndpoint } from '@waybill/sftp';
import { openLocalEndpoint } from '@waybill/storage';
import { runTransfer } from '@waybill/transfer';
import SftpClient from 'ssh2-sftp-client';
import { MemoryJournal } from '../../../packages/transfer/src/testing/memory-journal.js';
import { CIPHER, type Taken, type Task } from './task.js';

const peer = process.argv[2];
const task = JSON.parse(process.argv[3] as string) as Task;
await (peer === 'waybill' ? measured(waybill) : measured(sftpClient));

async function measured(move: (privateKey: string) => Promise<void>): Promise<void> {
  const privateKey = await readFile(task.keyFile, 'utf8');
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  const before = process.cpuUsage();
  const started = performance.now();
  await move(privateKey);
  const ms = performance.now() - started;
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  const { user, system } = process.cpuUsage(before);
  const taken: Taken = { ms, cpuMs: (user + system) / 1000, peakMiB, lagP99Ms: lag.percentile(99) / 1e6 };
  process.stdout.write(`${JSON.stringify(taken)}\n`);
  process.exit(0);
}

/** What a worker does for a run, with a journal in memory: SHA-256, part file, size, rename; connect included. */
async function waybill(privateKey: string): Promise<void> {
  const { signal } = new AbortController();
  await using partner = await openSftpEndpoint(
    {
      kind: 'sftp',
      host: '127.0.0.1',
      port: task.port,
      username: task.username,
      root: task.remote,
      connectTimeoutMs: 30_000,
      operationTimeoutMs: 30_000,
      keepaliveMs: 15_000,
      secret: { kind: 'private-key', privateKey },
      hostKeys: [parseHostKey(task.hostKey)],
    },
    signal,
  );
  await using here = await openLocalEndpoint({ root: task.local });
  const directory = parsePath('');
  const [source, target] = task.direction === 'pull' ? [partner, here] : [here, partner];
  const result = await runTransfer({
    definition: {
      source: { endpointId: newId(), directory, include: ['*'], exclude: [], selection: { settleMs: 0 } },
      target: { endpointId: newId(), directory },
      disposition: { kind: 'keep' },
      conflict: 'replace',
      verification: 'size',
      concurrency: task.names === 'one file' ? 1 : 64,
      retry: defaultRetryPolicy,
    },
    source,
    target,
    journal: new MemoryJournal(),
    signal,
    lastAttempt: true,
  });
  if (result.state !== 'succeeded') throw new Error(`the run ended ${result.state}`);
}

/** As it comes: `fastGet` and `fastPut` with their defaults, eight files at once. */
async function sftpClient(privateKey: string): Promise<void> {
  const client = new SftpClient();
  await client.connect({
    host: '127.0.0.1',
    port: task.port,
    username: task.username,
    privateKey,
    algorithms: { cipher: [CIPHER] },
  });
  const names =
    task.direction === 'pull'
      ? (await client.list(task.remote)).map(({ name }) => name)
      : await readdir(task.local);
  await mkdir(task.local, { recursive: true });
  const rest = names.values();
  const lane = async () => {
    for (const name of rest) {
      const [remote, local] = [`${task.remote}/${name}`, join(task.local, name)];
      await (task.direction === 'pull' ? client.fastGet(remote, local) : client.fastPut(local, remote));
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  await client.end();
}
