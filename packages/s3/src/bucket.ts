import { setMaxListeners } from 'node:events';
import { HeadObjectCommand, type HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { StorageError, untilAborted } from '@waybill/storage';
import { answerOf, requestFailed, statusOf } from './errors.js';
import { REQUESTS_IN_FLIGHT, type S3Options } from './options.js';
import { Slots } from './slots.js';

/** What a request is for, and what ends it. */
export interface About {
  /** For messages, such as `read`. */
  readonly doing: string;
  readonly key: string;
  readonly signal: AbortSignal;
}

/** What the store knows of one object. */
export interface ObjectInfo {
  readonly size: number;
  /** In whole seconds: HEAD tells no more, whatever a listing does. */
  readonly modifiedAt: Date;
  readonly contentType: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A bucket at its server: sends requests, and says in our words how they failed. It never sends one twice. */
export class Bucket implements AsyncDisposable {
  readonly name: string;
  /** `s3://host/bucket`. */
  readonly where: string;
  readonly operationTimeoutMs: number;
  /** For all requests but those of `reader`: the server may not be silent for longer than the deadline. */
  readonly client: S3Client;
  /** For reading objects: there the socket also falls silent when whoever reads is slow. */
  readonly reader: S3Client;
  readonly #log: (message: string) => void;
  readonly #slots = new Slots(REQUESTS_IN_FLIGHT);
  readonly #cleanups = new Set<Promise<void>>();

  /** @throws StorageError `misconfigured` */
  constructor(options: S3Options) {
    const url = serverUrl(options);
    this.name = options.bucket;
    this.where = `s3://${url.host}/${options.bucket}`;
    this.operationTimeoutMs = options.operationTimeoutMs;
    this.client = openClient(options, url, options.operationTimeoutMs);
    this.reader = openClient(options, url, 0);
    this.#log = options.log ?? (() => {});
  }

  /** @throws StorageError, or the signal's reason */
  async ask<Answer>(
    { signal, ...request }: About,
    send: (options: { abortSignal: AbortSignal }) => Promise<Answer>,
  ): Promise<Answer> {
    signal.throwIfAborted();
    setMaxListeners(0, signal);
    try {
      const sending = () => untilAborted(send({ abortSignal: signal }), signal);
      return await this.#slots.run(signal, sending);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw requestFailed(error, { ...request, where: this.where }, new Date());
    }
  }

  /** undefined if there is no object of this key. */
  async look(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined> {
    const about = { doing: 'look at', key, signal };
    const command = new HeadObjectCommand({ Bucket: this.name, Key: key });
    try {
      return this.#objectInfo(key, await this.ask(about, (options) => this.client.send(command, options)));
    } catch (error) {
      if (isMissingKey(error)) return undefined;
      throw error;
    }
  }

  #objectInfo(key: string, answer: HeadObjectCommandOutput): ObjectInfo {
    const { ContentLength: size, LastModified: modified, ContentType, Metadata = {} } = answer;
    if (size === undefined || !isSize(size) || modified === undefined || Number.isNaN(+modified))
      throw new StorageError(
        'protocol-error',
        `${this.where} says of ${key} that it has ${size} bytes and was modified at ${modified}`,
      );
    return {
      size,
      modifiedAt: wholeSeconds(modified),
      contentType: ContentType,
      metadata: Metadata,
    };
  }

  /** Tidies up beside what goes on; `[Symbol.asyncDispose]` waits for it. What fails is logged. */
  cleanUp(work: () => Promise<unknown>): Promise<void> {
    const cleanup = work()
      .then(() => {})
      .catch((error: Error) => this.#log(error.message))
      .finally(() => this.#cleanups.delete(cleanup));
    this.#cleanups.add(cleanup);
    return cleanup;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#cleanups);
    this.client.destroy();
    this.reader.destroy();
  }
}

/** The server answered that there is no such object: not that there is no such bucket. */
export function isMissingKey(error: unknown): boolean {
  if (!(error instanceof StorageError)) return false;
  return statusOf(error.cause) === 404 && answerOf(error.cause) !== 'NoSuchBucket';
}

export function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0;
}

export function wholeSeconds(time: Date): Date {
  return new Date(Math.floor(+time / 1000) * 1000);
}

function serverUrl({ url, region, allowPlainHttp }: S3Options): URL {
  const amazon = `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  const parsed = new URL(url ?? amazon);
  if (parsed.protocol === 'https:' || (parsed.protocol === 'http:' && allowPlainHttp)) return parsed;
  throw new StorageError(
    'misconfigured',
    `${parsed.origin} is no https address: correct the URL of the endpoint, or allow plain http where nobody else ` +
      'can read the network',
  );
}

/** Where requests go and how they are signed is given here, so that none of it comes from the library's environment. */
function openClient(options: S3Options, url: URL, socketTimeout: number): S3Client {
  const { secret } = options;
  if (secret.kind !== 'access-key')
    throw new StorageError('misconfigured', `a bucket takes an access key, not a ${secret.kind}`);
  const { accessKeyId, secretAccessKey, sessionToken } = secret;
  const client = new S3Client({
    endpoint: url.origin,
    region: options.region,
    forcePathStyle: options.pathStyle,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    // The engine's retry policy decides, and nothing else.
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    // What is sent gets its SHA-256 from us. Other sums would be sent in trailers, which many servers do not know.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    disableS3ExpressSessionAuth: true,
    useArnRegion: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    userAgentAppId: 'waybill',
    requestHandler: {
      connectionTimeout: options.connectTimeoutMs,
      socketTimeout,
      // A request that waits in the agent for a connection would count as one that can't connect.
      httpAgent: { maxSockets: Number.POSITIVE_INFINITY },
      httpsAgent: { maxSockets: Number.POSITIVE_INFINITY },
    },
  });
  signWholeBodies(client);
  return client;
}

/**
 * Signs each body's SHA-256, over https too: every server has to verify it, also those that do not know the newer
 * checksum header. It is the sum that we give with the body, so that none is computed twice.
 */
function signWholeBodies(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { ChecksumSHA256: sum } = args.input as { ChecksumSHA256?: string };
      const request = args.request as { headers?: Record<string, string> };
      if (sum !== undefined && request.headers)
        request.headers['x-amz-content-sha256'] = Buffer.from(sum, 'base64').toString('hex');
      return next(args);
    },
    { step: 'build', name: 'signWholeBodies' },
  );
}
