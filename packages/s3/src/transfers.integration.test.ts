import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { parsePath } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import { openSftpEndpoint } from '@waybill/sftp';
import { openLocalEndpoint, type StorageEndpoint } from '@waybill/storage';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { runTransfer } from '@waybill/transfer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MemoryJournal } from '../../transfer/src/testing/memory-journal.js';
import { aDefinition } from '../../transfer/src/testing/world.js';
import { startBucket, type TestBucket } from './testing/bucket.js';

const { signal } = new AbortController();
const MIB = 1024 * 1024;
let directory: string;
let bucket: TestBucket;
let ssh: OpenSshServer;

beforeAll(async () => {
  [directory, bucket, ssh] = await Promise.all([
    mkdtemp(join(tmpdir(), 'waybill-s3-')),
    startBucket(),
    startOpenSsh(),
  ]);
});
afterAll(async () => {
  await Promise.all([bucket.stop(), ssh.stop(), rm(directory, { recursive: true })]);
});

function move(source: StorageEndpoint, target: StorageEndpoint, from: string, to: string) {
  const definition = aDefinition({
    disposition: { kind: 'delete' },
    verification: 'read-back',
    concurrency: 3,
  });
  return runTransfer({
    ...{ source, target, journal: new MemoryJournal(), signal, lastAttempt: true },
    definition: {
      ...definition,
      source: { ...definition.source, directory: parsePath(from) },
      target: { ...definition.target, directory: parsePath(to) },
    },
  });
}

const keys = async () => {
  const { Contents = [] } = await bucket.client.send(new ListObjectsV2Command({ Bucket: bucket.name }));
  return Contents.map(({ Key }) => Key);
};

it('files go from a directory into a bucket and on to an SFTP account, and leave nothing behind', async () => {
  const files = new Map([
    ['empty', Buffer.alloc(0)],
    ['Überweisung +1%.csv', Buffer.from('a line\n')],
    ['large', Buffer.alloc(9 * MIB, 'not all the same')],
  ]);
  await mkdir(join(directory, 'out'));
  for (const [name, content] of files) await writeFile(join(directory, 'out', name), content);

  await using local = await openLocalEndpoint({ root: directory });
  await using shared = await bucket.open({ root: 'exchange' });
  await using sftp = await openSftpEndpoint(
    {
      ...{ kind: 'sftp', host: ssh.host, port: ssh.port, username: ssh.username, root: ssh.root },
      ...{ connectTimeoutMs: 10_000, operationTimeoutMs: 10_000, keepaliveMs: 10_000 },
      secret: { kind: 'private-key', privateKey: ssh.clientKey.privateKey },
      hostKeys: [parseHostKey(ssh.hostKey)],
    },
    signal,
  );

  expect(await move(local, shared, 'out', 'bank')).toMatchObject({ state: 'succeeded', delivered: 3 });
  expect(await keys()).toEqual([...files.keys()].map((name) => `exchange/bank/${name}`).sort());
  expect(await readdir(join(directory, 'out'))).toEqual([]);

  expect(await move(shared, sftp, 'bank', 'in')).toMatchObject({ state: 'succeeded', delivered: 3 });
  expect(await keys()).toEqual([]);
  for (const [name, content] of files)
    expect(content.equals(await readFile(join(ssh.root, 'in', name)))).toBe(true);

  // The directory went with its last file: that is no failure of the next run.
  expect(await move(shared, sftp, 'bank', 'in')).toMatchObject({ state: 'succeeded', selected: 0 });
});
