import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { parsePath } from '@waybill/domain';
import { type HostKey, parseHostKey } from '@waybill/domain/host-key';
import type { StorageEndpoint } from '@waybill/storage';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { type ProxyAccount, startHttpProxy, startSocksProxy } from '@waybill/testkit/proxies';
import { startTcpProxy } from '@waybill/testkit/tcp-proxy';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Account, JumpRoute, ProxyRoute, Route, SftpOptions } from './options.js';
import { probeHostKey } from './probe-host-key.js';
import { openSftpEndpoint } from './sftp-endpoint.js';
import { type Partner, startPartner } from './testing/partner.js';

const never = new AbortController().signal;
const cleanups: (() => unknown)[] = [];
let partner: Partner;
let jumpHost: OpenSshServer;

beforeAll(async () => {
  [partner, jumpHost] = await Promise.all([startPartner(), startOpenSsh()]);
});
afterAll(async () => {
  await jumpHost.stop();
  await partner[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function open(
  route: Route,
  options: Partial<SftpOptions> = {},
  signal = never,
): Promise<StorageEndpoint> {
  const endpoint = await openSftpEndpoint(
    {
      kind: 'sftp',
      host: partner.simulator.host,
      port: partner.simulator.port,
      username: 'acme',
      root: '',
      connectTimeoutMs: 5_000,
      operationTimeoutMs: 5_000,
      keepaliveMs: 5_000,
      secret: { kind: 'password', password: 'a secret' },
      hostKeys: [parseHostKey(partner.simulator.hostKey)],
      route,
      ...options,
    },
    signal,
  );
  cleanups.push(() => endpoint[Symbol.asyncDispose]());
  return endpoint;
}

/** By way of our own sshd. */
function jump(changes: Partial<Account> = {}): JumpRoute {
  return {
    kind: 'jump',
    host: {
      kind: 'sftp',
      host: jumpHost.host,
      port: jumpHost.port,
      username: jumpHost.username,
      root: '',
      connectTimeoutMs: 5_000,
      operationTimeoutMs: 5_000,
      keepaliveMs: 5_000,
      secret: { kind: 'private-key', privateKey: jumpHost.clientKey.privateKey },
      hostKeys: jumpHost.hostKeys.map(parseHostKey),
      ...changes,
    },
  };
}

interface RunningProxy {
  readonly route: ProxyRoute;
  stop(): Promise<void>;
}

async function startProxy(kind: ProxyRoute['kind'], account?: ProxyAccount): Promise<RunningProxy> {
  const server = await (kind === 'socks5'
    ? startSocksProxy(account)
    : startHttpProxy(account && { account }));
  return { route: { kind, host: '127.0.0.1', port: server.port }, stop: server.stop };
}

/** A server that does with each connection what a test says. */
async function peer(
  serve: (socket: Socket) => void,
): Promise<{ host: string; port: number; open: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, open: sockets };
}

/** Puts a file and reads it back. */
async function exchange(endpoint: StorageEndpoint): Promise<boolean> {
  const sent = Buffer.alloc(700_000, 'over the hills ');
  const name = parsePath('there.txt');
  const body = async function* () {
    yield sent;
  };
  await endpoint.put(name, body(), { signal: never });
  const chunks: Uint8Array[] = [];
  for await (const chunk of endpoint.read(name, { signal: never })) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).equals(sent);
}

/** Answers of a SOCKS5 proxy that asks for no password. */
const socksReply = (reply: number) => (socket: Socket) => {
  socket.once('data', () => {
    socket.write(Buffer.of(5, 0));
    socket.once('data', () => socket.end(Buffer.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0)));
  });
};
const httpAnswer = (status: string) => (socket: Socket) =>
  socket.once('data', () => socket.end(`HTTP/1.1 ${status}\r\n\r\n`));

const account = { username: 'us', password: 'through.here' };

describe.each(['socks5', 'http-connect'] as const)('by way of a %s proxy', (kind) => {
  let plain: RunningProxy;
  beforeAll(async () => {
    plain = await startProxy(kind);
  });
  afterAll(() => plain.stop());

  it('files go to and fro, and the server sees the proxy alone', async () => {
    expect(await exchange(await open(plain.route))).toBe(true);
  });

  it('a proxy that wants a password gets it; with a wrong one, its administrator is named', async () => {
    const strict = await startProxy(kind, account);
    cleanups.push(() => strict.stop());
    const route = { ...strict.route, ...account };
    expect(await exchange(await open(route))).toBe(true);
    for (const wrong of [
      { ...route, password: 'guessed' },
      { ...route, username: undefined },
    ])
      await expect(open(wrong)).rejects.toMatchObject({
        code: 'route-refused',
        message: expect.stringMatching(new RegExp(`proxy 127.0.0.1:${route.port} .*(password|user name)`)),
      });
  });

  it('the proxy looks up the name of the server, not we', async () => {
    const asked: string[] = [];
    const eavesdropper = await peer((socket) => {
      socket.on('data', (bytes) => {
        asked.push(bytes.toString('latin1'));
        socket.write(Buffer.of(5, 0));
      });
    });
    const opening = open(
      { ...eavesdropper, kind },
      { host: 'sftp.partner.invalid', port: 2222, connectTimeoutMs: 300 },
    );
    await expect(opening).rejects.toMatchObject({ message: expect.stringContaining('proxy') });
    expect(asked.join('')).toContain('sftp.partner.invalid');
  });

  it.each([
    ['a name that does not resolve', { host: 'sftp.partner.invalid' }],
    ['a closed port', { port: 1 }],
  ])('%s behind it is no fault of the proxy', async (_, where) => {
    await expect(open(plain.route, where)).rejects.toMatchObject({
      code: expect.stringMatching(/connection-refused|route-unreachable/),
      message: expect.stringMatching(
        /proxy 127.0.0.1:\d+ did not connect to (sftp.partner.invalid|127.0.0.1:1)/,
      ),
    });
  });

  it('a proxy that is not there is named, and may be tried again', async () => {
    await expect(open({ kind, host: '127.0.0.1', port: 1 })).rejects.toMatchObject({
      code: 'route-unreachable',
      message: expect.stringContaining('proxy 127.0.0.1:1: connect ECONNREFUSED'),
    });
  });

  it('a proxy that hangs up, or is something else, is told apart', async () => {
    const rude = await peer((socket) => socket.destroy());
    await expect(open({ ...rude, kind })).rejects.toMatchObject({ code: 'route-unreachable' });
    const other = await peer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    await expect(open({ ...other, kind })).rejects.toMatchObject({
      code: 'route-refused',
      message: expect.stringContaining('does not answer as one does'),
    });
  });

  it('the host keys of a server are asked for through it', async () => {
    const { route } = plain;
    const { host, port, hostKey } = partner.simulator;
    expect(await probeHostKey({ host, port, route }, never)).toEqual([parseHostKey(hostKey)]);
  });

  it('silence ends by the deadline or the signal, and leaves no connection', async () => {
    const silent = await peer((socket) => socket.resume());
    const slow = open({ ...silent, kind }, { connectTimeoutMs: 200 });
    await expect(slow).rejects.toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(
        /asking the .* proxy .* for a connection to sftp:.* took longer than 200 ms/,
      ),
    });
    const reason = new Error('the operator gave up');
    const controller = new AbortController();
    const cancelled = open({ ...silent, kind }, {}, controller.signal);
    await expect.poll(() => silent.open.size).toBe(1);
    controller.abort(reason);
    await expect(cancelled).rejects.toBe(reason);
    await expect.poll(() => silent.open.size).toBe(0);
  });
});

it.each([
  [1, 'route-unreachable'],
  [2, 'route-refused'],
  [3, 'connection-refused'],
  [4, 'connection-refused'],
  [5, 'connection-refused'],
  [6, 'timed-out'],
  [7, 'route-refused'],
  [8, 'route-refused'],
])('reply %i of a SOCKS5 proxy means %s', async (reply, code) => {
  const route = { ...(await peer(socksReply(reply))), kind: 'socks5' } as const;
  await expect(open(route)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(`(reply ${reply})`),
  });
});

it.each([
  ['403 Forbidden', 'route-refused'],
  ['407 Proxy Authentication Required', 'route-refused'],
  ['502 Bad Gateway', 'connection-refused'],
  ['504 Gateway Timeout', 'timed-out'],
])('answer %s of an HTTP proxy means %s', async (answer, code) => {
  const route = { ...(await peer(httpAnswer(answer))), kind: 'http-connect' } as const;
  await expect(open(route)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(`it answered ${answer}`),
  });
});

it('an HTTP proxy that forbids the port says so', async () => {
  const server = await startHttpProxy({ ports: [443] });
  cleanups.push(() => server.stop());
  await expect(open({ kind: 'http-connect', host: '127.0.0.1', port: server.port })).rejects.toMatchObject({
    code: 'route-refused',
    message: expect.stringMatching(/it answered 403 .*administrator/),
  });
});

describe('by way of a jump host', () => {
  it('files go to and fro; nothing but a forwarded connection is asked of it', async () => {
    const before = jumpHost.log().length;
    const endpoint = await open(jump());
    expect(await exchange(endpoint)).toBe(true);
    expect(endpoint.label).toContain(`:${partner.simulator.port}`);
    expect(jumpHost.log().slice(before)).not.toContain('Starting session');
  });

  it('the connection to it ends with the endpoint', async () => {
    const way = await startTcpProxy({ target: jumpHost });
    cleanups.push(() => way.close());
    const before = jumpHost.log().length;
    const endpoint = await open(jump({ port: way.port }));
    await endpoint[Symbol.asyncDispose]();
    await expect.poll(() => jumpHost.log().slice(before)).toMatch(/Disconnected from|Connection closed by/);
  });

  it('another host key of it is refused before anything is signed, and the hop is named', async () => {
    const other = parseHostKey(partner.simulator.hostKey);
    const before = jumpHost.log().length;
    for (const [hostKeys, code] of [
      [[other], 'host-key-mismatch'],
      [[], 'host-key-unknown'],
    ] as [HostKey[], string][]) {
      const refused: string[] = [];
      const onRefusedHostKey = ({ fingerprint }: HostKey) => refused.push(fingerprint);
      const notTheServers = { onRefusedHostKey: () => expect.unreachable() };
      await expect(open(jump({ hostKeys, onRefusedHostKey }), notTheServers)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(`jump host ssh://${jumpHost.username}@127.0.0.1:${jumpHost.port}`),
      });
      expect(refused).toEqual([jumpHost.hostKeyFingerprint]);
    }
    expect(jumpHost.log().slice(before)).not.toMatch(/Accepted|Failed/);
  });

  it('the host key of the server behind it is verified as strictly', async () => {
    const hostKeys = jumpHost.hostKeys.map(parseHostKey);
    await expect(open(jump(), { hostKeys })).rejects.toMatchObject({
      code: 'host-key-mismatch',
      message: expect.stringContaining(`for sftp://acme@127.0.0.1:${partner.simulator.port}`),
    });
  });

  it('a credential that it refuses is its own', async () => {
    const secret = { kind: 'private-key', privateKey: jumpHost.strangerKey.privateKey } as const;
    const locked = { kind: 'private-key', privateKey: 'none at all' } as const;
    let refused = 0;
    const onRefusedSecret = () => {
      refused++;
    };
    const notTheServers = { onRefusedSecret: () => expect.unreachable() };
    await expect(open(jump({ secret, onRefusedSecret }), notTheServers)).rejects.toMatchObject({
      code: 'authentication-failed',
      message: expect.stringMatching(/^jump host ssh:.* refused the user/),
    });
    expect(refused).toBe(1);
    await expect(open(jump({ secret: locked, onRefusedSecret }), notTheServers)).rejects.toMatchObject({
      code: 'authentication-failed',
    });
    expect(refused).toBe(2);
    await expect(
      open(jump({ onRefusedSecret }), { secret: locked, onRefusedSecret: () => (refused = 9) }),
    ).rejects.toMatchObject({ code: 'authentication-failed' });
    expect(refused).toBe(9);
  });

  it('a server that it cannot reach, one that it may not, and itself being away are told apart', async () => {
    await expect(open(jump(), { port: 1 })).rejects.toMatchObject({
      code: 'connection-refused',
      message: expect.stringMatching(/jump host ssh:.* did not connect to 127.0.0.1:1:/),
    });
    await expect(open(jump(), { host: 'sftp.partner.invalid' })).rejects.toMatchObject({
      code: 'connection-refused',
      message: expect.stringContaining('jump host'),
    });
    await expect(open(jump({ port: 1 }))).rejects.toMatchObject({
      code: 'route-unreachable',
      message: expect.stringContaining('cannot reach the jump host 127.0.0.1:1: connect ECONNREFUSED'),
    });
    const strict = await startOpenSsh({ config: ['AllowTcpForwarding no'] });
    cleanups.push(() => strict.stop());
    const route = jump({
      port: strict.port,
      hostKeys: strict.hostKeys.map(parseHostKey),
      secret: { kind: 'private-key', privateKey: strict.clientKey.privateKey },
    });
    await expect(open(route)).rejects.toMatchObject({
      code: 'route-refused',
      message: expect.stringMatching(/forbidden there.*administrator/),
    });
  });

  it('several stand one behind the other, and behind a proxy', async () => {
    const proxy = await startProxy('socks5');
    cleanups.push(() => proxy.stop());
    const first = jump({ route: proxy.route });
    expect(await exchange(await open(jump({ route: first })))).toBe(true);
  });

  it('when it is lost, the message names it and everything fails at once', async () => {
    const way = await startTcpProxy({ target: jumpHost });
    cleanups.push(() => way.close());
    const endpoint = await open(jump({ port: way.port }));
    way.cut();
    await expect(endpoint.stat(parsePath('there.txt'), { signal: never })).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringContaining('jump host'),
    });
  });

  it('one that falls silent later is found out by its keepalive', async () => {
    const way = await startTcpProxy({ target: jumpHost });
    cleanups.push(() => way.close());
    const endpoint = await open(jump({ port: way.port, keepaliveMs: 50 }));
    way.stall();
    await expect(endpoint.stat(parsePath('there.txt'), { signal: never })).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringMatching(/jump host.*[Kk]eepalive/),
    });
  });

  it.each([
    ['it says nothing', 0],
    ['it stops while keys are agreed on', 1_500],
    ['it stops while we sign in', 2_500],
    ['it stops after that', 4_200],
  ])('one deadline covers all phases, and leaves no connection: %s', async (_, stallAfterBytes) => {
    const way = await startTcpProxy({ target: jumpHost, stallAfterBytes });
    cleanups.push(() => way.close());
    const seen = await peer((socket) => {
      const onward = connect({ host: way.host, port: way.port });
      socket.pipe(onward).pipe(socket);
      socket.on('close', () => onward.destroy());
      onward.on('error', () => socket.destroy());
    });
    const opening = open(jump({ port: seen.port }), { connectTimeoutMs: 300 });
    await expect(opening).rejects.toMatchObject({
      code: 'timed-out',
      message: expect.stringContaining('took longer than 300 ms'),
    });
    await expect.poll(() => seen.open.size).toBe(0);
    const controller = new AbortController();
    const cancelled = open(jump({ port: seen.port }), {}, controller.signal);
    await expect.poll(() => seen.open.size).toBe(1);
    const reason = new Error('the operator gave up');
    setTimeout(() => controller.abort(reason), 100);
    await expect(cancelled).rejects.toBe(reason);
    await expect.poll(() => seen.open.size).toBe(0);
  });
});
