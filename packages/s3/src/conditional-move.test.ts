import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parsePath } from '@waybill/domain';
import type { StorageEndpoint } from '@waybill/storage';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openS3Endpoint } from './s3-endpoint.js';

// The servers that the registries offer refuse conditional writes, so the answers of Amazon's are written down here.

const { signal } = new AbortController();
const [from, to] = [parsePath('a.part'), parsePath('a')];
let server: Server;
let endpoint: StorageEndpoint;
/** Whether the target is there for those who look. */
let isThere: boolean;
let copyAnswer: { readonly status: number; readonly code: string };
/** Method, key and condition of every request but the listing at the start. */
let asked: string[];

beforeEach(async () => {
  [isThere, asked, copyAnswer] = [false, [], { status: 200, code: '' }];
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  endpoint = await openS3Endpoint(
    {
      ...{ kind: 's3', url: `http://127.0.0.1:${port}`, region: 'us-east-1', bucket: 'files', root: '' },
      ...{ pathStyle: true, allowPlainHttp: true, connectTimeoutMs: 5_000, operationTimeoutMs: 5_000 },
      secret: { kind: 'access-key', accessKeyId: 'id', secretAccessKey: 'secret' },
    },
    signal,
  );
});
afterEach(async () => {
  await endpoint[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

function answer({ method, url = '', headers }: IncomingMessage, response: ServerResponse): void {
  const key = new URL(url, 'http://host').pathname.replace('/files', '').slice(1);
  if (key === '') {
    response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
    return;
  }
  asked.push([method, key, headers['if-none-match']].filter(Boolean).join(' '));
  if (method === 'HEAD') {
    const found = key === from || isThere;
    response.writeHead(found ? 200 : 404, {
      'content-length': 4,
      etag: '"e"',
      'last-modified': 'Sun, 01 Mar 2026 06:00:00 GMT',
    });
    response.end();
  } else if (method === 'PUT' && headers['if-none-match'] !== undefined && copyAnswer.status !== 200) {
    isThere = copyAnswer.status === 412;
    response.writeHead(copyAnswer.status, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>${copyAnswer.code}</Code><Message>no</Message></Error>`);
  } else if (method === 'PUT') response.end('<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>');
  else response.writeHead(204).end();
}

it('a move that must not replace lets the server make sure of it', async () => {
  await endpoint.move(from, to, { replace: false, signal });
  expect(asked).toEqual(['HEAD a.part', 'HEAD a', 'PUT a *', 'DELETE a.part']);
});

it('what comes in between is left alone, and so is the file', async () => {
  copyAnswer = { status: 412, code: 'PreconditionFailed' };
  await expect(endpoint.move(from, to, { replace: false, signal })).rejects.toMatchObject({
    code: 'already-exists',
  });
  expect(asked).not.toContain('DELETE a.part');
});

it('a server that knows no conditions is asked without, from then on', async () => {
  copyAnswer = { status: 501, code: 'NotImplemented' };
  await endpoint.move(from, to, { replace: false, signal });
  await endpoint.move(from, to, { replace: false, signal });
  const copies = asked.filter((request) => request.startsWith('PUT'));
  expect(copies).toEqual(['PUT a *', 'PUT a', 'PUT a']);
});

it('a file that is renamed to its own name stays', async () => {
  await endpoint.move(from, from, { replace: true, signal });
  expect(asked).toEqual(['HEAD a.part']);
});
