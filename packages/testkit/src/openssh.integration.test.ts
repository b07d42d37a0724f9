import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { type OpenSshServer, startOpenSsh } from './openssh.js';

const run = promisify(execFile);
const servers: OpenSshServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start(...options: Parameters<typeof startOpenSsh>): Promise<OpenSshServer> {
  const server = await startOpenSsh(...options);
  servers.push(server);
  return server;
}

/** Runs the commands with Debian's own sftp client, which trusts nothing but the server's host key. */
async function sftp(server: OpenSshServer, commands: string): Promise<string> {
  const files = join(server.root, '..');
  await writeFile(join(files, 'known_hosts'), `[127.0.0.1]:${server.port} ${server.hostKey}\n`);
  await writeFile(join(files, 'batch'), commands);
  const options = [
    `UserKnownHostsFile=${files}/known_hosts`,
    'StrictHostKeyChecking=yes',
    `IdentityFile=${files}/client`,
    'IdentitiesOnly=yes',
    'BatchMode=yes',
  ].flatMap((option) => ['-o', option]);
  const target = `${server.username}@127.0.0.1`;
  const { stdout } = await run('sftp', [
    '-F',
    'none',
    ...options,
    '-P',
    `${server.port}`,
    '-b',
    `${files}/batch`,
    target,
  ]);
  return stdout;
}

test('lets its own client key in, by its own host key, and starts in its root', async () => {
  const server = await start();
  await writeFile(join(server.root, 'a file'), 'hello');

  expect(
    await sftp(server, 'pwd\nget "a file" "a copy"\n'.replace('a copy', join(server.root, 'copy'))),
  ).toContain(server.root);
  expect(await readFile(join(server.root, 'copy'), 'utf8')).toBe('hello');
  expect(server.hostKeyFingerprint).toMatch(/^SHA256:[\w+/]{43}$/);
});

test('runs several servers beside each other, each with keys of its own', async () => {
  const [one, two] = await Promise.all([start(), start()]);
  expect(one.port).not.toBe(two.port);
  expect(one.hostKey).not.toBe(two.hostKey);
});

test('comes back on the same port with another host key', async () => {
  const server = await start();
  const { port, hostKey } = server;
  await server.restart({ newHostKeys: true });
  expect(server.port).toBe(port);
  expect(server.hostKey).not.toBe(hostKey);
  expect(await sftp(server, 'pwd\n')).toContain(server.root);
});

test('leaves no directory and no listener behind', async () => {
  const server = await startOpenSsh();
  await sftp(server, 'pwd\n');
  await server.stop();
  await expect(access(server.root)).rejects.toThrow('ENOENT');
  const socket = connect({ host: server.host, port: server.port });
  await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
});
