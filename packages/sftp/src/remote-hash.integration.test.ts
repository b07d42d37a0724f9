import { createHash } from 'node:crypto';
import { chmod, mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePath } from '@waybill/domain';
import { parseHostKey } from '@waybill/domain/host-key';
import type { StorageEndpoint } from '@waybill/storage';
import type { AccountServer } from '@waybill/testkit/account-server';
import { type OpenSshOptions, startOpenSsh } from '@waybill/testkit/openssh';
import { startProftpd } from '@waybill/testkit/proftpd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SftpOptions } from './options.js';
import { openSftpEndpoint } from './sftp-endpoint.js';

const { signal } = new AbortController();
const file = parsePath('file');
const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');

type Server = Pick<AccountServer, 'host' | 'port' | 'username' | 'root' | 'hostKey' | 'privateKey' | 'stop'>;

function open(server: Server, options: Partial<SftpOptions>): Promise<StorageEndpoint> {
  const { host, port, username, root, hostKey, privateKey } = server;
  return openSftpEndpoint(
    {
      ...{ kind: 'sftp', host, port, username, root },
      ...{ connectTimeoutMs: 10_000, operationTimeoutMs: 10_000, keepaliveMs: 10_000 },
      secret: { kind: 'private-key', privateKey },
      hostKeys: [parseHostKey(hostKey)],
      ...options,
    },
    signal,
  );
}

async function startAccount(options: OpenSshOptions): Promise<Server> {
  const server = await startOpenSsh(options);
  const { host, port, username, root, hostKey, clientKey, stop } = server;
  return { host, port, username, root, hostKey, privateKey: clientKey.privateKey, stop };
}

describe('ProFTPD', () => {
  let server: AccountServer;
  beforeAll(async () => {
    server = await startProftpd();
    await writeFile(join(server.directory, 'file'), 'content');
  });
  afterAll(() => server.stop());

  it('tells a hash by check-file, which it does not list', async () => {
    await using endpoint = await open(server, {});
    expect(await endpoint.hash?.(file, { signal })).toEqual({
      kind: 'told',
      sha256: sha256('content'),
      certain: true,
    });
  });

  it('may hash a large file for longer than any deadline, silent to all else', async () => {
    const size = 256 * 1024 ** 2;
    await writeFile(join(server.directory, 'large'), '');
    await truncate(join(server.directory, 'large'), size);
    await using endpoint = await open(server, { operationTimeoutMs: 150, keepaliveMs: 50 });
    const started = performance.now();
    const hashing = endpoint.hash?.(parsePath('large'), { signal });
    const others = [endpoint.stat(file, { signal }), endpoint.stat(file, { signal })];
    expect(await hashing).toMatchObject({ kind: 'told', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    // Else it shows nothing: three keepalives, and the deadline, would have passed.
    expect(performance.now() - started).toBeGreaterThan(300);
    expect(await Promise.all(others)).toMatchObject([{ size: 7 }, { size: 7 }]);
  });

  it('is not asked where the endpoint says so', async () => {
    await using endpoint = await open(server, { remoteHash: 'off' });
    expect(await endpoint.hash?.(file, { signal })).toEqual({
      kind: 'untold',
      why: 'remoteHash of the endpoint is "off"',
    });
  });
});

describe('OpenSSH', () => {
  const servers: Server[] = [];
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });
  const start = async (options: OpenSshOptions) => {
    const server = await startAccount(options);
    servers.push(server);
    await writeFile(join(server.root, 'file'), 'content');
    return server;
  };

  it('tells no hash unless its shell may be used: it is asked for check-file once', async () => {
    const server = await start({ config: ['ForceCommand none'] });
    const told: string[] = [];
    await using endpoint = await open(server, { log: (message) => told.push(message) });
    for (let i = 0; i < 3; i++)
      expect(await endpoint.hash?.(file, { signal })).toEqual({
        kind: 'untold',
        why: 'the server has no check-file; remoteHash of the endpoint is "check-file"',
      });
    expect(told).toEqual([expect.stringContaining('the server has no check-file')]);
  });

  it('tells many hashes at once by its shell, whatever the number of its channels', async () => {
    const server = await start({ config: ['ForceCommand none', 'MaxSessions 2'] });
    await using endpoint = await open(server, { remoteHash: 'shell' });
    const asked = Array.from({ length: 5 }, () => endpoint.hash?.(file, { signal }));
    for (const found of await Promise.all(asked))
      expect(found).toEqual({ kind: 'told', sha256: sha256('content'), certain: false });
  });

  it.each([
    ['starts SFTP instead of every command', {}],
    ['has no channel left for it', { config: ['ForceCommand none', 'MaxSessions 1'] }],
    ['greets everybody first', { config: ['ForceCommand echo Welcome; eval "$SSH_ORIGINAL_COMMAND"'] }],
    ['prints without end', { config: ['ForceCommand yes'] }],
    ['has no sha256sum', { config: ['ForceCommand sh -c "exit 127"'] }],
  ] as const)('is told to have no shell once where it %s, and serves on', async (_, options) => {
    // Only the subsystem is left alone by this: a forced command takes its place as well.
    const config = 'config' in options ? options.config.map(commandsAlone) : [];
    const server = await start({ config });
    const told: string[] = [];
    await using endpoint = await open(server, {
      remoteHash: 'shell',
      log: (message) => told.push(message),
    });
    for (let i = 0; i < 3; i++)
      expect(await endpoint.hash?.(file, { signal })).toMatchObject({ kind: 'untold' });
    expect(told).toEqual([
      expect.stringContaining('the server has no check-file'),
      expect.stringMatching(/no command can be run there|sha256sum does not work there/),
    ]);
    expect(await endpoint.stat(file, { signal })).toMatchObject({ size: 7 });
  });

  it('is not believed that a file is another one where its shell sees other files', async () => {
    const server = await start({});
    const [elsewhere, script] = [join(server.root, '../elsewhere'), join(server.root, '../command')];
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'file'), 'of somebody else');
    await writeFile(join(server.root, 'mine'), 'mine');
    const mapped = `printf %s "$SSH_ORIGINAL_COMMAND" | sed 's,${server.root},${elsewhere},'`;
    await writeFile(script, `#!/bin/sh\neval "$(${mapped})"\n`);
    await chmod(script, 0o755);
    const jailed = await start({ config: [commandsAlone(`ForceCommand ${script}`)] });
    await using endpoint = await open({ ...jailed, root: server.root }, { remoteHash: 'shell' });
    const found = await endpoint.hash?.(file, { signal });
    expect(found).toEqual({ kind: 'told', sha256: sha256('of somebody else'), certain: false });
    const missing = await endpoint.hash?.(parsePath('mine'), { signal });
    expect(missing).toMatchObject({ kind: 'untold', why: expect.stringContaining('No such file') });
    expect(await endpoint.hash?.(file, { signal })).toMatchObject({ kind: 'told' });
  });

  it('is left at once by a command that is aborted, and serves on', async () => {
    const server = await start({ config: [commandsAlone('ForceCommand sleep 60')] });
    await using endpoint = await open(server, { remoteHash: 'shell' });
    const reason = new Error('cancelled');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 100);
    await expect(endpoint.hash?.(file, { signal: controller.signal })).rejects.toBe(reason);
    expect(await endpoint.stat(file, { signal })).toMatchObject({ size: 7 });
  });
});

/** The forced command, for all but SFTP. */
function commandsAlone(line: string): string {
  if (!line.startsWith('ForceCommand ') || line === 'ForceCommand none') return line;
  const command = line.slice('ForceCommand '.length);
  return `ForceCommand case "$SSH_ORIGINAL_COMMAND" in *sftp*) exec /usr/lib/openssh/sftp-server ;; *) ${command} ;; esac`;
}
