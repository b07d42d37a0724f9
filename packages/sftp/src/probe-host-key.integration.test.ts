import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { parseHostKey } from '@waybill/domain/host-key';
import { findKnownHosts } from '@waybill/domain/known-hosts';
import { generateKeyPair, startSimulator } from '@waybill/simulator';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { probeHostKey } from './probe-host-key.js';

const never = new AbortController().signal;
let server: OpenSshServer;
beforeAll(async () => {
  server = await startOpenSsh({ hostKeyTypes: ['rsa', 'ed25519', 'ecdsa'] });
});
afterAll(() => server.stop());

/** Accepts connections and says nothing. */
async function silentServer(): Promise<{ readonly port: number; readonly close: () => void }> {
  const silent: Server = createServer((socket) => socket.on('error', () => socket.destroy()));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  return { port: (silent.address() as AddressInfo).port, close: () => silent.close() };
}

it('a probe gives the keys of all types that the server has, and authenticates nobody', async () => {
  const keys = await probeHostKey(server, never);
  expect(keys.map(({ algorithm }) => algorithm)).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']);
  const known = server.hostKeys.map((line) => parseHostKey(line));
  expect(keys).toEqual(expect.arrayContaining(known));
  expect(server.log()).not.toMatch(/Accepted|Failed|Invalid user|authenticating user/);
});

it('a probe finds what ssh-keyscan prints, and known_hosts is read from that', async () => {
  const { stdout } = await promisify(execFile)('ssh-keyscan', ['-p', `${server.port}`, server.host]);
  const scanned = findKnownHosts(stdout, server);
  expect(scanned).toHaveLength(3);
  expect(await probeHostKey(server, never)).toEqual(expect.arrayContaining(scanned));
});

it('a probe logs in nowhere, as the server sees it', async () => {
  const account = generateKeyPair('account');
  const users = [{ username: 'me', publicKeys: [account.publicKey] }];
  const partner = await startSimulator({ root: import.meta.dirname, users });
  try {
    expect(await probeHostKey(partner, never)).toEqual([parseHostKey(partner.hostKey)]);
    expect(partner.authAttempts).toEqual([]);
  } finally {
    await partner.stop();
  }
});

it('a server that cannot be reached, or stays silent, is named with the reason', async () => {
  const silent = await silentServer();
  try {
    const probing = probeHostKey({ host: '127.0.0.1', port: silent.port, timeoutMs: 100 }, never);
    await expect(probing).rejects.toMatchObject({ code: 'timed-out' });
    const reason = new Error('the operator gave up');
    const cancelled = probeHostKey({ host: '127.0.0.1', port: silent.port }, AbortSignal.timeout(50));
    await expect(cancelled).rejects.toMatchObject({ name: 'TimeoutError' });
    const refused = probeHostKey({ host: '127.0.0.1', port: silent.port }, AbortSignal.abort(reason));
    await expect(refused).rejects.toBe(reason);
  } finally {
    silent.close();
  }
  const gone = probeHostKey({ host: '127.0.0.1', port: silent.port }, never);
  await expect(gone).rejects.toMatchObject({ name: 'StorageError', code: 'connection-refused' });
});
