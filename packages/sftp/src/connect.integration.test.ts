import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CredentialSecret } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import { generateKeyPair } from '@waybill/simulator';
import type { StorageEndpoint } from '@waybill/storage';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { startTcpProxy } from '@waybill/testkit/tcp-proxy';
import ssh2, { type AuthContext, type KeyboardAuthContext } from 'ssh2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SftpOptions } from './options.js';
import { openSftpEndpoint } from './sftp-endpoint.js';

const { signal } = new AbortController();
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function open(options: Partial<SftpOptions>, by = signal): Promise<StorageEndpoint> {
  const endpoint = await openSftpEndpoint(
    {
      kind: 'sftp',
      host: '127.0.0.1',
      port: 0,
      username: 'acme',
      root: '',
      connectTimeoutMs: 10_000,
      operationTimeoutMs: 10_000,
      keepaliveMs: 10_000,
      secret: { kind: 'password', password: 'right' },
      hostKeys: [],
      ...options,
    },
    by,
  );
  cleanups.push(() => endpoint[Symbol.asyncDispose]());
  return endpoint;
}

describe('against OpenSSH', () => {
  let server: OpenSshServer;
  const account = (): Partial<SftpOptions> => ({
    port: server.port,
    username: server.username,
    secret: { kind: 'private-key', privateKey: server.clientKey.privateKey },
    hostKeys: server.hostKeys.map(parseHostKey),
  });

  beforeAll(async () => {
    server = await startOpenSsh({ hostKeyTypes: ['rsa', 'ed25519'] });
  });
  afterAll(() => server.stop());

  it('logs in with a private key, encrypted or not, and says where it is', async () => {
    const endpoint = await open(account());
    expect(endpoint.label).toBe(`sftp://${server.username}@127.0.0.1:${server.port}${server.root}`);
    expect(endpoint.properties).toMatchObject({ atomicReplace: true, concurrent: true });
    const encrypted = await open({
      ...account(),
      secret: { kind: 'private-key', ...server.encryptedClientKey },
    });
    expect(encrypted.label).toBe(endpoint.label);
  });

  it('tells of the keys that the server proves to hold beside the pinned one', async () => {
    const told: string[] = [];
    const pinned = server.hostKeys.map(parseHostKey).slice(0, 1);
    await open({
      ...account(),
      hostKeys: pinned,
      onAnnouncedHostKeys: (keys) => void told.push(...keys.map(({ fingerprint }) => fingerprint)),
    });
    const all = server.hostKeys.map((line) => parseHostKey(line).fingerprint);
    await expect.poll(() => told.toSorted()).toEqual(all.toSorted());
  });

  it('tries a key that is not let in once, and names user, host and method', async () => {
    const before = server.log().length;
    const secret = { kind: 'private-key', privateKey: server.strangerKey.privateKey } as const;
    await expect(open({ ...account(), secret })).rejects.toMatchObject({
      code: 'authentication-failed',
      message: expect.stringMatching(
        new RegExp(`127.0.0.1:${server.port} refused the user ${server.username} with private key`),
      ),
    });
    await expect.poll(() => server.log().slice(before)).toMatch(/Disconnected|Connection (closed|reset) by/);
    expect(
      server
        .log()
        .slice(before)
        .match(/Failed publickey/g),
    ).toHaveLength(1);
  });

  it.each([
    ['a wrong passphrase', (): string | undefined => 'wrong', /passphrase does not fit/],
    ['no passphrase', (): string | undefined => undefined, /has no passphrase/],
  ])('refuses an encrypted key with %s before it connects', async (_, passphrase, message) => {
    const proxy = await startTcpProxy({ target: server });
    cleanups.push(() => proxy.close());
    const text = passphrase();
    const secret: CredentialSecret = {
      kind: 'private-key',
      privateKey: server.encryptedClientKey.privateKey,
      ...(text === undefined ? {} : { passphrase: text }),
    };
    await expect(open({ ...account(), port: proxy.port, secret })).rejects.toMatchObject({
      code: 'authentication-failed',
      message: expect.stringMatching(message),
    });
    expect(proxy.connections).toBe(0);
  });

  it('trusts any one of several pinned keys, of whichever type the server has', async () => {
    const [rsa, ed25519] = server.hostKeys.map(parseHostKey);
    for (const hostKeys of [[rsa], [ed25519], [ed25519, rsa]])
      await expect(
        open({ ...account(), hostKeys: hostKeys.filter((key) => key !== undefined) }),
      ).resolves.toBeDefined();
  });

  it('sends nothing to a server whose key is not pinned, and names the key', async () => {
    const before = server.log().length;
    await expect(open({ ...account(), hostKeys: [] })).rejects.toMatchObject({
      code: 'host-key-unknown',
      message: expect.stringContaining(parseHostKey(server.hostKeys[1] ?? '').fingerprint),
    });
    await expect.poll(() => server.log().slice(before)).toMatch(/Disconnected|Connection (closed|reset) by/);
    expect(server.log().slice(before)).not.toMatch(/publickey|userauth|Accepted|Failed/);
  });

  it('reports a changed key with both fingerprints, also where the type changed too', async () => {
    const other = await startOpenSsh();
    cleanups.push(() => other.stop());
    const trusted = parseHostKey(server.hostKeys[0] ?? '');
    await expect(open({ ...account(), port: other.port, hostKeys: [trusted] })).rejects.toMatchObject({
      code: 'host-key-mismatch',
      message: expect.stringMatching(
        new RegExp(
          `offered ssh-ed25519 ${escaped(other.hostKeyFingerprint)}, trusted ssh-rsa ${escaped(trusted.fingerprint)}`,
        ),
      ),
    });
    const { hostKeyFingerprint } = other;
    const hostKeys = [parseHostKey(other.hostKey)];
    await other.restart({ newHostKeys: true });
    const refusal = await open({ ...account(), port: other.port, hostKeys }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'host-key-mismatch' });
    expect(String(refusal)).toContain(hostKeyFingerprint);
    expect(String(refusal)).toContain(other.hostKeyFingerprint);
    expect(other.log()).not.toMatch(/publickey/);
  });

  it('fails with not-found where the root is missing or no directory', async () => {
    await expect(open({ ...account(), root: 'no/such' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(open({ ...account(), root: '/etc/passwd' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('shares an algorithm with the server or says that it does not', async () => {
    const old = await startOpenSsh({ config: ['Ciphers aes256-cbc'] });
    cleanups.push(() => old.stop());
    const options = { port: old.port, username: old.username, hostKeys: [parseHostKey(old.hostKey)] };
    await expect(open({ ...account(), ...options })).rejects.toMatchObject({
      code: 'protocol-error',
      message: expect.stringContaining('no algorithm in common'),
    });
  });
});

describe('against a server with passwords', () => {
  it('logs in with a password, in one try', async () => {
    const { options, attempts } = await startPasswordServer();
    await open(options);
    expect(attempts).toEqual(['password']);
  });

  it('tries a wrong password once', async () => {
    const { options, attempts } = await startPasswordServer();
    const secret = { kind: 'password', password: 'wrong' } as const;
    await expect(open({ ...options, secret })).rejects.toMatchObject({
      code: 'authentication-failed',
      message: expect.stringMatching(/refused the user acme with password \(tried once.*publickey/),
    });
    await sleep(50);
    expect(attempts).toEqual(['password']);
  });

  it('answers one round of questions with the password', async () => {
    const { options, attempts } = await startPasswordServer();
    await open({ ...options, secret: { kind: 'keyboard-interactive', password: 'right' } });
    expect(attempts).toEqual(['keyboard-interactive']);
  });

  it('refuses a second round of questions', async () => {
    const { options, attempts, rounds } = await startPasswordServer();
    const secret = { kind: 'keyboard-interactive', password: 'wrong' } as const;
    await expect(open({ ...options, secret })).rejects.toMatchObject({
      code: 'authentication-failed',
      message: expect.stringContaining('second round of questions'),
    });
    await sleep(50);
    expect(attempts).toEqual(['keyboard-interactive']);
    expect(rounds).toEqual([['wrong']]);
  });

  it('never puts the password into a message', async () => {
    const { options } = await startPasswordServer();
    for (const kind of ['password', 'keyboard-interactive'] as const) {
      const error = await open({ ...options, secret: { kind, password: 'a wrong secret' } }).catch((e) => e);
      expect(error).toMatchObject({ code: 'authentication-failed' });
      expect(`${error.message} ${error.cause}`).not.toContain('a wrong secret');
    }
  });
});

describe('where no SFTP server answers', () => {
  it('a closed port is connection-refused', async () => {
    const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port: 1 } });
    await proxy.close();
    await expect(open({ port: proxy.port })).rejects.toMatchObject({ code: 'connection-refused' });
  });

  it('so it is for a name of several addresses, and the reason is told', async () => {
    const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port: 1 } });
    await proxy.close();
    await expect(open({ host: 'localhost', port: proxy.port })).rejects.toMatchObject({
      code: 'connection-refused',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('a name that does not resolve is connection-refused', async () => {
    await expect(open({ host: 'no-such-host.invalid', port: 22 })).rejects.toMatchObject({
      code: 'connection-refused',
      message: expect.stringContaining('no-such-host.invalid'),
    });
  });

  it('a server that says nothing is timed-out after the deadline', async () => {
    const port = await startSilentServer();
    const started = performance.now();
    await expect(open({ port, connectTimeoutMs: 200 })).rejects.toMatchObject({
      code: 'timed-out',
      message: expect.stringContaining('agreeing on keys with'),
    });
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('a server that hangs up at once is connection-lost', async () => {
    const port = await startSilentServer((socket) => socket.end());
    await expect(open({ port })).rejects.toMatchObject({ code: 'connection-lost' });
  });

  it('a server of another kind is a protocol error', async () => {
    const port = await startSilentServer((socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(2000)),
    );
    await expect(open({ port })).rejects.toMatchObject({ name: 'StorageError' });
  });

  it('an abort ends the attempt at once, with its reason', async () => {
    const port = await startSilentServer();
    const controller = new AbortController();
    const reason = new Error('the operator cancelled the run');
    setTimeout(() => controller.abort(reason), 30);
    await expect(open({ port }, controller.signal)).rejects.toBe(reason);
    await expect(open({ port }, controller.signal)).rejects.toBe(reason);
  });
});

/** A server that lets "acme" in with "right" and counts what it is asked. It has no files. */
async function startPasswordServer() {
  const key = generateKeyPair('a host');
  const attempts: string[] = [];
  const rounds: string[][] = [];
  const server = new ssh2.Server({ hostKeys: [key.privateKey] }, (connection) => {
    connection.on('error', () => connection.end());
    connection.on('authentication', (context) => {
      attempts.push(context.method);
      const isRight = context.method === 'password' && context.password === 'right';
      if (context.method === 'keyboard-interactive') ask(context, rounds);
      else if (isRight && context.username === 'acme') context.accept();
      else context.reject(['publickey', 'password']);
    });
    connection.on('session', (accept) => {
      accept().on('sftp', (acceptSftp) => {
        const sftp = acceptSftp();
        sftp.on('REALPATH', (id) => sftp.name(id, [{ filename: '/', longname: '/', attrs: directory }]));
        sftp.on('STAT', (id) => sftp.attrs(id, directory));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.address() as { port: number };
  return { options: { port, hostKeys: [parseHostKey(key.publicKey)] }, attempts, rounds };
}

const directory = { mode: 0o040755, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };

/** Asks again until the answer is right, as servers with one-time passwords do. */
function ask(context: KeyboardAuthContext & AuthContext, rounds: string[][]): void {
  context.prompt([{ prompt: 'Password: ', echo: false }], (answers) => {
    rounds.push(answers);
    if (answers[0] === 'right') context.accept();
    else ask(context, rounds);
  });
}

async function startSilentServer(greet: (socket: Socket) => void = () => {}): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    cleanups.push(() => socket.destroy());
    greet(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.unshift(() => server.close());
  return (server.address() as { port: number }).port;
}

function escaped(text: string): string {
  return text.replace(/[+/]/g, '\\$&');
}
