import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.js';

let echo: Server;
let target: { host: string; port: number };
const proxies: TcpProxy[] = [];
const sockets: Socket[] = [];

beforeEach(async () => {
  echo = createServer((socket) => void socket.on('error', () => socket.destroy()).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  target = { host: '127.0.0.1', port: address.port };
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  await new Promise((resolve) => echo.close(resolve));
});

async function open(options: Omit<TcpProxyOptions, 'target'> = {}): Promise<[TcpProxy, Socket]> {
  const proxy = await startTcpProxy({ target, ...options });
  proxies.push(proxy);
  const socket = connect({ host: proxy.host, port: proxy.port, noDelay: true });
  sockets.push(socket);
  await once(socket, 'connect');
  return [proxy, socket];
}

async function receive(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let have = 0; have < bytes; ) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    chunks.push(chunk);
    have += chunk.length;
  }
  return Buffer.concat(chunks);
}

test('forwards bytes both ways, and the end', async () => {
  const [proxy, socket] = await open();
  socket.end('hello');
  expect((await receive(socket, 5)).toString()).toBe('hello');
  await once(socket, 'end');
  expect(proxy.connections).toBe(1);
  expect(proxy.bytes).toBe(10);
});

test('delays each direction without limiting throughput', async () => {
  const [, socket] = await open({ delayMs: 40 });
  const sent = Buffer.alloc(4 << 20, 7);
  const started = performance.now();
  socket.write(sent);
  expect((await receive(socket, sent.length)).equals(sent)).toBe(true);
  const tookMs = performance.now() - started;
  expect(tookMs).toBeGreaterThanOrEqual(79);
  // Piece after piece, each with its own delay, 4 MiB would take several seconds.
  expect(tookMs).toBeLessThan(1500);
});

test('cuts a connection after a number of bytes', async () => {
  const [proxy, socket] = await open({ cutAfterBytes: 1000 });
  const failed = once(socket, 'error');
  socket.write(Buffer.alloc(5000));
  await expect(failed.then(([error]) => error.code)).resolves.toBe('ECONNRESET');
  expect(proxy.bytes).toBe(1000);
});

test('cuts what is open and accepts new connections', async () => {
  const [proxy, socket] = await open();
  const closed = new Promise((resolve) => socket.once('error', resolve));
  await receiveEcho(socket);
  proxy.cut();
  await expect(closed).resolves.toMatchObject({ code: 'ECONNRESET' });
  const again = connect({ host: proxy.host, port: proxy.port });
  sockets.push(again);
  await receiveEcho(again);
  expect(proxy.connections).toBe(2);
});

test('stalls in silence and goes on in order', async () => {
  const [proxy, socket] = await open();
  await receiveEcho(socket);
  proxy.stall();
  let heard = false;
  socket.once('data', () => {
    heard = true;
  });
  socket.write('one ');
  socket.write('two');
  await sleep(50);
  expect(heard).toBe(false);
  const answer = receive(socket, 7);
  proxy.resume();
  expect((await answer).toString()).toBe('one two');
});

test('stalls a connection after a number of bytes', async () => {
  const [proxy, socket] = await open({ stallAfterBytes: 10 });
  await receiveEcho(socket);
  socket.write('0123456789');
  await sleep(30);
  expect(proxy.bytes).toBe(8);
  proxy.resume();
  expect((await receive(socket, 10)).toString()).toBe('0123456789');
});

async function receiveEcho(socket: Socket): Promise<void> {
  socket.write('echo');
  expect((await receive(socket, 4)).toString()).toBe('echo');
}
