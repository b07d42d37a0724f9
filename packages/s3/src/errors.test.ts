import { failureKind } from '@waybill/domain';
import { expect, it } from 'vitest';
import { requestFailed } from './errors.js';

const request = { doing: 'put', key: 'out/a\nb', where: 's3://s3.example/files' };
const now = new Date('2026-03-01T06:00:00Z');

function answer(name: string, httpStatusCode: number, more: object = {}): Error {
  return Object.assign(new Error(`said ${name}`), { name, $metadata: { httpStatusCode }, ...more });
}

it.each([
  ['AccessDenied', 403, 'permission-denied'],
  ['SignatureDoesNotMatch', 403, 'authentication-failed'],
  ['NoSuchBucket', 404, 'not-found'],
  ['SlowDown', 503, 'timed-out'],
  ['XAmzContentSHA256Mismatch', 400, 'corrupted'],
  ['QuotaExceeded', 403, 'no-space'],
  ['InvalidObjectState', 403, 'unsupported'],
  ['Unknown', 403, 'permission-denied'],
  ['Unknown', 502, 'timed-out'],
  ['NobodyKnows', 400, 'unknown'],
  ['SyntaxError', 200, 'protocol-error'],
])('the answer %s (HTTP %i) is %s', (name, status, code) => {
  expect(requestFailed(answer(name, status), request, now).code).toBe(code);
});

it.each([
  ['ECONNREFUSED', 'connection-refused'],
  ['ENOTFOUND', 'connection-refused'],
  ['ECONNRESET', 'connection-lost'],
  ['CERT_HAS_EXPIRED', 'misconfigured'],
])('a connection that fails with %s is %s', (code, failure) => {
  const error = Object.assign(new Error('no'), { code, $metadata: { attempts: 1 } });
  expect(requestFailed(error, request, now).code).toBe(failure);
});

it('says what was tried, on what, where, and what the server said', () => {
  const error = requestFailed(answer('SlowDown', 503), request, now);
  expect(error.message).toBe(
    'cannot put out/a\\nb at s3://s3.example/files: the server said "said SlowDown" (SlowDown, HTTP 503)',
  );
  expect(failureKind(error.code).retryable).toBe(true);
});

it('tells both clocks where they are too far apart', () => {
  const response = { headers: { date: 'Sun, 01 Mar 2026 07:30:00 GMT' } };
  const error = requestFailed(answer('RequestTimeTooSkewed', 403, { $response: response }), request, now);
  expect(error.code).toBe('misconfigured');
  expect(error.message).toContain('2026-03-01T06:00:00.000Z, the server');
  expect(error.message).toContain('2026-03-01T07:30:00.000Z');
});
