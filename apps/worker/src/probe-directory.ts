import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import {
  joinPath,
  type LocalSettings,
  type ProbeReport,
  type ProbeStep,
  type RemotePath,
  rootPath,
} from '@waybill/domain';
import { openLocalEndpoint, type StorageEndpoint, StorageError } from '@waybill/storage';

const CLEAN_UP_MS = 10_000;

/**
 * Does with a scratch file in the directory what transfers do: write, look, read back, rename, remove. Opens no file
 * that it did not write. What does not work is a failed step; there is no profile of a directory, since all are alike.
 * @throws the signal's reason
 */
export async function probeDirectory(
  { root }: Pick<LocalSettings, 'root'>,
  signal: AbortSignal,
): Promise<ProbeReport> {
  const steps: ProbeStep[] = [];
  const opened: { endpoint?: StorageEndpoint } = {};
  await take(steps, 'open', async () => {
    opened.endpoint = await openLocalEndpoint({ root });
    return `${opened.endpoint.label} is a directory that this worker can see`;
  });
  await using endpoint = opened.endpoint;
  if (endpoint) {
    await take(steps, 'list', () => listRoot(endpoint, signal));
    await tryFile(steps, endpoint, signal);
    await take(steps, 'free space', () => freeSpace(root));
  }
  return { steps, profile: null, proposals: [] };
}

async function tryFile(steps: ProbeStep[], endpoint: StorageEndpoint, signal: AbortSignal): Promise<void> {
  const content = randomBytes(1_000);
  const scratch = `.waybill-probe-${randomBytes(6).toString('hex')}`;
  const file = joinPath(rootPath, scratch);
  const renamed = joinPath(rootPath, `${scratch}-renamed`);
  let last = file;
  try {
    const written = await take(steps, 'write', async () => {
      const { size } = await endpoint.put(file, once(content), { signal });
      return `wrote ${size} bytes`;
    });
    if (!written) return;
    await take(steps, 'read back', async () => {
      const same = content.equals(await readWhole(endpoint, file, signal));
      if (!same) throw new StorageError('corrupted', 'other bytes were read than had been written');
      return 'the same bytes';
    });
    await take(steps, 'rename', async () => {
      await endpoint.move(file, renamed, { replace: true, signal });
      last = renamed;
      return 'renamed in one step';
    });
    await take(steps, 'remove', async () => {
      await endpoint.remove(last, { signal });
      return 'nothing is left behind';
    });
  } finally {
    // After a write that failed, or a stop: whether something is left to be removed, or could be, changes no finding.
    await endpoint.remove(last, { signal: AbortSignal.timeout(CLEAN_UP_MS) }).catch(() => {});
  }
}

/** False if the step failed. Errors of the file system are findings; all others are thrown. */
async function take(steps: ProbeStep[], name: string, work: () => Promise<string>): Promise<boolean> {
  const startedAt = performance.now();
  const add = (outcome: ProbeStep['outcome'], detail: string) =>
    steps.push({ name, outcome, detail, tookMs: Math.round(performance.now() - startedAt) });
  try {
    add('passed', await work());
    return true;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    add('failed', error.message);
    return false;
  }
}

async function listRoot(endpoint: StorageEndpoint, signal: AbortSignal): Promise<string> {
  let entries = 0;
  for await (const _ of endpoint.list(rootPath, { signal })) entries++;
  return `${entries} ${entries === 1 ? 'entry' : 'entries'}`;
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

async function readWhole(endpoint: StorageEndpoint, path: RemotePath, signal: AbortSignal): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of endpoint.read(path, { signal })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function freeSpace(root: string): Promise<string> {
  const { bavail, bsize } = await statfs(root);
  return `${bavail * bsize} bytes may still be written`;
}
