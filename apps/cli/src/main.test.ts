import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { readConfig } from './config.js';
import { runCommand } from './main.js';

async function run(args: string[], environment: Record<string, string> = {}, input = '') {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  streams.stdin.end(input);
  const config = readConfig({ WAYBILL_DATA_DIR: '/nonexistent/waybill', ...environment });
  const exitCode = await runCommand(args, config, streams, new AbortController().signal);
  streams.stdout.end();
  streams.stderr.end();
  return { exitCode, stdout: await text(streams.stdout), stderr: await text(streams.stderr) };
}

/** A port on which nothing listens. */
async function deadAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

it('prints the help with the exit codes on standard output', async () => {
  const { exitCode, stdout } = await run(['--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/transfer .*\n[\s\S]*Exit codes:\n {2}0/);
});

it('prints the version alone', async () => {
  const { exitCode, stdout } = await run(['--version']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it.each([
  [['partner', 'frobnicate'], /unknown command/],
  [['partner', 'add', 'acme', '--colour', 'red'], /unknown option/],
  [['run', 'list', '--limit', 'many'], /whole number/],
  [['schedule', 'add', 'nightly', '--transfer', 'x'], /required option '--cron/],
  [['partner', 'list'], /no service is known: give --url/],
  [['partner', 'list', '--url', 'ftp://x'], /is not an address/],
])('ends with 2 on wrong usage and says what is wrong: %j', async (args, message) => {
  const { exitCode, stdout, stderr } = await run(args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

it('ends with 5 if the service does not answer, with --json as a document', async () => {
  const url = await deadAddress();
  const people = await run(['partner', 'list'], { WAYBILL_URL: url });
  expect(people.exitCode).toBe(5);
  expect(people.stderr).toContain(`Error: no answer from ${url}: `);
  expect(people.stderr).toContain('waybill up');

  const programs = await run(['partner', 'list', '--json'], { WAYBILL_URL: url });
  expect(programs.exitCode).toBe(5);
  expect(JSON.parse(programs.stderr)).toMatchObject({ code: 'unreachable' });
});

it('refuses an empty secret before it is sent anywhere', async () => {
  const { exitCode, stderr } = await run(
    ['endpoint', 'credential', 'acme'],
    { WAYBILL_URL: await deadAddress() },
    '\n',
  );
  expect(exitCode).toBe(2);
  expect(stderr).toContain('the password is empty');
});
