import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readConfig } from '../config.js';
import { runCommand } from '../main.js';

function start(args: string[]) {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const stop = new AbortController();
  const ended = runCommand(['simulate', ...args], readConfig({}), streams, stop.signal).finally(() => {
    streams.stdout.end();
    streams.stderr.end();
  });
  return { ...streams, stop, ended };
}

it('runs a partner to whom one can log in with what it prints, until it is stopped', async () => {
  const { stdout, stop, ended } = start(['--json', '--personality', 'no-rename']);
  const [chunk] = (await Promise.race([stdout.take(1).toArray(), ended])) as [Buffer];
  const partner = JSON.parse(chunk.toString());
  const { stdout: printed } = await promisify(execFile)('ssh-keyscan', [
    '-p',
    `${partner.port}`,
    partner.host,
  ]);
  expect(printed).toContain(partner.hostKey);
  expect((await stat(partner.keyFile)).mode & 0o777).toBe(0o600);
  const login = [
    ...['-F', '/dev/null', '-i', partner.keyFile, '-P', `${partner.port}`, '-b', '-'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'IdentitiesOnly=yes'],
  ];
  const sftp = promisify(execFile)('sftp', [...login, `${partner.username}@${partner.host}`]);
  sftp.child.stdin?.end('ls\nrename in inside\n');
  await expect(sftp).rejects.toMatchObject({ stdout: expect.stringMatching(/in\s+out/) });
  stop.abort();
  expect(await ended).toBe(0);
  await expect(stat(partner.keyFile)).rejects.toMatchObject({ code: 'ENOENT' });
});

it('names all personalities with --list', async () => {
  const { stdout, ended } = start(['--list']);
  expect(await ended).toBe(0);
  expect(await text(stdout)).toMatch(
    /^cut-after=1048576 \(bytes\)\n {2}Every connection is cut[^\n]*\n {2}Waybill: /m,
  );
});

it('ends with 2 for a personality that does not exist, and says which there are', async () => {
  const { stderr, ended } = start(['--personality', 'no-such']);
  expect(await ended).toBe(2);
  expect(await text(stderr)).toMatch(/no personality "no-such"; there are: windows-openssh, /);
});
