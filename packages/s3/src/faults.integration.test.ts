import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { parsePath, rootPath } from '@waybill/domain';
import type { ListEntry, StorageEndpoint } from '@waybill/storage';
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from '@waybill/testkit/tcp-proxy';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Bucket } from './bucket.js';
import { copyObject } from './copy-object.js';
import type { S3Options } from './options.js';
import { startBucket, type TestBucket } from './testing/bucket.js';

const MIB = 1024 * 1024;
const { signal } = new AbortController();
const path = parsePath('file');
let bucket: TestBucket;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  bucket = await startBucket();
});
afterAll(() => bucket.stop());
afterEach(async () => {
  vi.useRealTimers();
  for (const clean of cleanups.splice(0).reverse()) await clean();
  for (const Key of await keys())
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key }));
});

let opened: Promise<StorageEndpoint>;
beforeAll(() => {
  opened = bucket.open();
});
afterAll(async () => (await opened)[Symbol.asyncDispose]());

async function openThroughProxy(
  proxied: Omit<TcpProxyOptions, 'target'>,
  options: Partial<S3Options> = {},
): Promise<[StorageEndpoint, TcpProxy]> {
  const proxy = await startTcpProxy({ target: bucket.server, ...proxied });
  cleanups.push(() => proxy.close());
  const endpoint = await bucket.open({ url: `http://127.0.0.1:${proxy.port}`, ...options });
  cleanups.push(() => endpoint[Symbol.asyncDispose]());
  return [endpoint, proxy];
}

const keys = async () => {
  const command = new ListObjectsV2Command({ Bucket: bucket.name, EncodingType: 'url' });
  const { Contents = [] } = await bucket.client.send(command);
  return Contents.map(({ Key = '' }) => decodeURIComponent(Key));
};

const unfinishedUploads = async () => {
  const command = new ListMultipartUploadsCommand({ Bucket: bucket.name });
  return (await bucket.client.send(command)).Uploads ?? [];
};

function bytes(size: number): Buffer {
  const buffer = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) buffer.writeUInt32LE((i * 2654435761) >>> 0, i);
  return buffer;
}

async function* chunksOf(content: Buffer, onChunk: (at: number) => unknown = () => {}) {
  for (let at = 0; at < content.length; at += 64 * 1024) {
    await onChunk(at);
    yield content.subarray(at, at + 64 * 1024);
  }
}

async function hashOf(endpoint: StorageEndpoint, at = path): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of endpoint.read(at, { signal })) hash.update(chunk);
  return hash.digest('hex');
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

describe('opening', () => {
  it('tells a wrong secret at once, without saying it', async () => {
    const secret = { kind: 'access-key', accessKeyId: 'partner:waybill', secretAccessKey: 'wr0ng' } as const;
    const opening = bucket.open({ secret });
    await expect(opening).rejects.toMatchObject({ code: 'authentication-failed' });
    await expect(opening).rejects.toThrow(/SignatureDoesNotMatch/);
    await expect(opening).rejects.not.toThrow(/wr0ng/);
  });

  it('tells that there is no such bucket', async () => {
    const opening = bucket.open({ bucket: 'nobodys' });
    await expect(opening).rejects.toMatchObject({ code: 'not-found' });
    await expect(opening).rejects.toThrow(/nobodys.*NoSuchBucket.*correct the name of the bucket/);
  });

  it('tells the right region', async () => {
    const opening = bucket.open({ region: 'eu-west-1' });
    await expect(opening).rejects.toMatchObject({ code: 'misconfigured' });
    await expect(opening).rejects.toThrow(/set the endpoint's region to us-east-1/);
  });

  it('tells both clocks if they are too far apart', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
    const opening = bucket.open();
    await expect(opening).rejects.toMatchObject({ code: 'misconfigured' });
    await expect(opening).rejects.toThrow(/the clock here says 20.*Z, the server's 20.*Z/);
  });

  it('tells that nobody listens', async () => {
    const proxy = await startTcpProxy({ target: bucket.server });
    await proxy.close();
    const opening = bucket.open({ url: `http://127.0.0.1:${proxy.port}` });
    await expect(opening).rejects.toMatchObject({ code: 'connection-refused' });
  });

  it('sends nothing over plain http unless that was allowed', async () => {
    const opening = bucket.open({ allowPlainHttp: false });
    await expect(opening).rejects.toMatchObject({ code: 'misconfigured' });
  });

  it('ends with the reason when it is aborted', async () => {
    const [, proxy] = await openThroughProxy({});
    proxy.stall();
    const reason = new Error('stopped');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    const { openS3Endpoint } = await import('./s3-endpoint.js');
    const options = { ...bucket.options, url: `http://127.0.0.1:${proxy.port}` };
    await expect(openS3Endpoint(options, controller.signal)).rejects.toBe(reason);
  });
});

describe('reading', () => {
  it('says that the connection was lost where an object ends early', async () => {
    await (await opened).put(path, chunksOf(bytes(3 * MIB)), { signal });
    const [endpoint] = await openThroughProxy({ cutAfterBytes: MIB });
    await expect(hashOf(endpoint)).rejects.toMatchObject({ code: 'connection-lost' });
  });

  it('waits no longer than the deadline for a server that falls silent', async () => {
    await (await opened).put(path, chunksOf(bytes(3 * MIB)), { signal });
    const [endpoint] = await openThroughProxy({ stallAfterBytes: MIB }, { operationTimeoutMs: 1_500 });
    await expect(hashOf(endpoint)).rejects.toMatchObject({ code: 'timed-out' });
  });

  it('lets whoever reads take longer than the deadline', async () => {
    const content = bytes(4 * MIB);
    await (await opened).put(path, chunksOf(content), { signal });
    const [endpoint] = await openThroughProxy({}, { operationTimeoutMs: 1_500 });
    const hash = createHash('sha256');
    let waited = false;
    for await (const chunk of endpoint.read(path, { signal })) {
      if (!waited) await new Promise((resolve) => setTimeout(resolve, 2_000));
      waited = true;
      hash.update(chunk);
    }
    expect(hash.digest('hex')).toBe(sha256(content));
  });
});

describe('a large file', () => {
  const content = bytes(17 * MIB + 5);

  it('is put in parts, and comes back whole', async () => {
    const endpoint = await opened;
    const told: number[] = [];
    const onProgress = (acknowledged: number) => void told.push(acknowledged);
    const info = await endpoint.put(path, chunksOf(content), { signal, onProgress });
    expect(info.size).toBe(content.length);
    expect(told).toEqual([8 * MIB, 16 * MIB, content.length]);
    expect(await hashOf(endpoint)).toBe(sha256(content));
    expect(await unfinishedUploads()).toEqual([]);
  });

  it('is moved, also where the server copies it in parts', async () => {
    const endpoint = await opened;
    await endpoint.put(path, chunksOf(content), { signal });
    const [moved, copied] = [parsePath('moved'), parsePath('copied')];
    await endpoint.move(path, moved, { replace: false, signal });
    await using direct = new Bucket(bucket.options);
    const found = await direct.look(moved, signal);
    if (!found) throw new Error('nothing was moved');
    const plan = { from: moved, to: copied, signal, ifNoneMatch: undefined };
    await copyObject(direct, found, plan, 6 * MIB);
    expect(await keys()).toEqual([copied, moved]);
    expect([await hashOf(endpoint, moved), await hashOf(endpoint, copied)]).toEqual(
      Array(2).fill(sha256(content)),
    );
  });

  it('leaves what was there, and no parts, where its body fails', async () => {
    const endpoint = await opened;
    await endpoint.put(path, chunksOf(Buffer.from('yesterday')), { signal });
    const error = new Error('the source went away');
    const body = chunksOf(content, (at) => {
      if (at > 16.5 * MIB) throw error;
    });
    await expect(endpoint.put(path, body, { signal })).rejects.toBe(error);
    expect(await unfinishedUploads()).toEqual([]);
    expect((await endpoint.stat(path, { signal })).size).toBe(9);
  });

  it('leaves nothing behind where the connection is lost in the middle', async () => {
    const [endpoint] = await openThroughProxy({ cutAfterBytes: 4 * MIB });
    await expect(endpoint.put(path, chunksOf(content), { signal })).rejects.toMatchObject({
      code: 'connection-lost',
    });
    expect(await unfinishedUploads()).toEqual([]);
    expect(await keys()).toEqual([]);
  });

  it('that is cancelled leaves nothing behind once the endpoint is closed', async () => {
    const endpoint = await bucket.open();
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const onProgress = () => controller.abort(reason);
    const putting = endpoint.put(path, chunksOf(content), { signal: controller.signal, onProgress });
    await expect(putting).rejects.toBe(reason);
    await endpoint[Symbol.asyncDispose]();
    expect(await unfinishedUploads()).toEqual([]);
    expect(await keys()).toEqual([]);
  });
});

it('a put to a server that falls silent fails by the deadline', async () => {
  const [endpoint, proxy] = await openThroughProxy({}, { operationTimeoutMs: 1_500 });
  proxy.stall();
  const putting = endpoint.put(path, chunksOf(Buffer.from('x')), { signal });
  await expect(putting).rejects.toMatchObject({ code: 'timed-out' });
});

it('the server refuses bytes that are not those that were hashed', async () => {
  const Body = Buffer.from('the bytes that were sent');
  const ChecksumSHA256 = createHash('sha256').update('others').digest('base64');
  const command = new PutObjectCommand({ Bucket: bucket.name, Key: 'file', Body, ChecksumSHA256 });
  await using direct = new Bucket(bucket.options);
  const putting = direct.ask({ doing: 'put', key: 'file', signal }, (options) =>
    direct.client.send(command, options),
  );
  await expect(putting).rejects.toMatchObject({ code: 'corrupted' });
  const head = bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: 'file' }));
  await expect(head).rejects.toMatchObject({ name: 'NotFound' });
});

it('keys that are no safe paths are reported as refused, and markers of directories passed over', async () => {
  const prefix = 'in/';
  const hostile = [prefix, 'in/../up', 'in//double', 'in/new\nline', 'in/.', 'in/good', 'in/sub/deep'];
  for (const Key of hostile)
    await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: 'x' }));
  const endpoint = await bucket.open({ root: 'in' });
  cleanups.push(() => endpoint[Symbol.asyncDispose]());
  const entries: ListEntry[] = [];
  for await (const entry of endpoint.list(rootPath, { signal })) entries.push(entry);
  const seen = entries.map((entry) => `${entry.kind} ${'path' in entry ? entry.path : entry.name}`);
  expect(seen.sort()).toEqual([
    'directory sub',
    'file good',
    'refused ',
    'refused .',
    'refused ..',
    'refused new\nline',
  ]);
});
