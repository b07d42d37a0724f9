import { StorageError } from '@waybill/storage';
import { describe, expect, it } from 'vitest';
import { connectionFailed, requestFailed, statusOf } from './errors.js';

const where = 'sftp://user@sftp.example.com:22';

function errorWith(message: string, properties: object = {}): Error {
  return Object.assign(new Error(message), properties);
}

describe('an answer of the server', () => {
  it.each([
    [2, 'No such file', 'not-found'],
    [3, 'Permission denied', 'permission-denied'],
    [4, 'Failure', 'unknown'],
    [4, 'No space left on device', 'no-space'],
    [4, 'Disk quota exceeded', 'no-space'],
    [5, 'Bad message', 'protocol-error'],
    [6, 'No connection', 'connection-lost'],
    [7, 'Connection lost', 'connection-lost'],
    [8, 'Operation unsupported', 'unsupported'],
    [10, 'No such path', 'not-found'],
    [11, 'File already exists', 'already-exists'],
    [14, 'No space', 'no-space'],
    [15, 'Quota exceeded', 'no-space'],
    [4711, 'timed out', 'unknown'],
  ])('with status %i and the text "%s" is %s', (code, message, expected) => {
    const cause = errorWith(message, { code });
    const error = requestFailed(cause, 'write to', '/in/a.csv', where);
    expect(error.code).toBe(expected);
    expect(error.cause).toBe(cause);
    expect(error.message).toBe(
      `cannot write to /in/a.csv on ${where}: the server said "${message}" (status ${code})`,
    );
  });

  it('gives its reason in words, whatever the file is called', () => {
    const code = (words: string) =>
      requestFailed(errorWith(words, { code: 4 }), 'read', '/in/quota.csv', where).code;
    expect(code('Failure: /in/quota.csv')).toBe('unknown');
    expect(code('/in/quota.csv: Access is denied')).toBe('permission-denied');
  });

  it('without a reason is the partner’s to explain', () => {
    expect(requestFailed(errorWith('Failure', { code: 4 }), 'read', 'a', where).owner).toBe('partner');
  });

  it('and the name it is about are printed without control characters', () => {
    const error = requestFailed(errorWith('no\u001b[2J', { code: 3 }), 'read', 'a\nb', where);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });
});

describe('a connection that failed', () => {
  it.each([
    ['getaddrinfo ENOTFOUND', { code: 'ENOTFOUND', level: 'client-socket' }, 'connection-refused'],
    ['connect ECONNREFUSED', { code: 'ECONNREFUSED', level: 'client-socket' }, 'connection-refused'],
    ['connect EHOSTUNREACH', { code: 'EHOSTUNREACH', level: 'client-socket' }, 'connection-refused'],
    ['read ECONNRESET', { code: 'ECONNRESET', level: 'client-socket' }, 'connection-lost'],
    ['write EPIPE', { code: 'EPIPE', level: 'client-socket' }, 'connection-lost'],
    ['connect ETIMEDOUT', { code: 'ETIMEDOUT', level: 'client-socket' }, 'timed-out'],
    ['No response from server', {}, 'connection-lost'],
    ['Connection lost before handshake', { level: 'protocol' }, 'connection-lost'],
    ['Keepalive timeout', { level: 'client-timeout' }, 'connection-lost'],
    ['Handshake failed: no matching key exchange algorithm', { level: 'handshake' }, 'protocol-error'],
    ['Packet length 1416785217 exceeds max length of 262144', { level: 'sftp-protocol' }, 'protocol-error'],
    [
      'All configured authentication methods failed',
      { level: 'client-authentication' },
      'authentication-failed',
    ],
    ['Too many authentication failures', { code: 2 }, 'authentication-failed'],
    ['Shutting down', { code: 11 }, 'connection-lost'],
    ['something new', {}, 'connection-lost'],
  ])('"%s" %o is %s', (message, properties, expected) => {
    const cause = errorWith(message, properties);
    const error = connectionFailed(cause, 'failed connecting to', where);
    expect(error.code).toBe(expected);
    expect(error.cause).toBe(cause);
    expect(error.message).toBe(`failed connecting to ${where}: ${message}`);
  });
});

it('an error that is in our words already stays as it is', () => {
  const error = new StorageError('timed-out', 'no answer');
  expect(requestFailed(error, 'read', 'a', where)).toBe(error);
  expect(connectionFailed(error, 'lost', where)).toBe(error);
});

it('a status is told from the codes of sockets', () => {
  expect(statusOf(errorWith('x', { code: 4 }))).toBe(4);
  expect(statusOf(errorWith('x', { code: 'ECONNRESET' }))).toBeUndefined();
  expect(statusOf(undefined)).toBeUndefined();
});
