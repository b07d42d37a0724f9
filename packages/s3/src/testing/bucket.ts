import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { StorageEndpoint } from '@waybill/storage';
import { type S3Server, startSwift } from '@waybill/testkit/swift';
import type { S3Options } from '../options.js';
import { openS3Endpoint } from '../s3-endpoint.js';

/** A bucket of a real server, and a client beside ours to look into it. */
export interface TestBucket extends AsyncDisposable {
  readonly server: S3Server;
  readonly name: string;
  readonly client: S3Client;
  readonly options: S3Options;
  open(options?: Partial<S3Options>): Promise<StorageEndpoint>;
  stop(): Promise<void>;
}

export async function startBucket(): Promise<TestBucket> {
  const server = await startSwift();
  const { url, region, accessKeyId, secretAccessKey } = server;
  const name = 'files';
  const options: S3Options = {
    ...{ kind: 's3', url, region, bucket: name, root: '', pathStyle: true, allowPlainHttp: true },
    ...{ connectTimeoutMs: 10_000, operationTimeoutMs: 10_000 },
    secret: { kind: 'access-key', accessKeyId, secretAccessKey },
  };
  const client = new S3Client({
    ...{ endpoint: url, region, forcePathStyle: true, maxAttempts: 1 },
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  const stop = async () => {
    client.destroy();
    await server.stop();
  };
  await client.send(new CreateBucketCommand({ Bucket: name })).catch(async (error: Error) => {
    const log = server.log();
    await stop();
    throw new Error(`${error.message}; the server's log:\n${log}`, { cause: error });
  });
  return {
    ...{ server, name, client, options },
    open: (changed = {}) => openS3Endpoint({ ...options, ...changed }, new AbortController().signal),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
