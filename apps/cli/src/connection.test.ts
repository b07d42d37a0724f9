import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfig } from './config.js';
import { findConnection } from './connection.js';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-cli-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const local = { url: 'http://127.0.0.1:8022', apiKey: 'local-key' };
const writeLocal = () => writeFile(path.join(dataDir, 'cli.json'), JSON.stringify(local));

it('takes what "waybill up" left in the data directory', async () => {
  await writeLocal();
  expect(await findConnection({ dataDir }, readConfig({}))).toEqual({
    baseUrl: local.url,
    apiKey: local.apiKey,
  });
});

it('puts the environment before that, and options before the environment', async () => {
  await writeLocal();
  const config = readConfig({ WAYBILL_URL: 'http://env:1', WAYBILL_API_KEY: 'env-key' });
  expect(await findConnection({ dataDir }, config)).toEqual({ baseUrl: 'http://env:1', apiKey: 'env-key' });

  const apiKeyFile = path.join(dataDir, 'key');
  await writeFile(apiKeyFile, 'file-key\n');
  expect(await findConnection({ dataDir, url: 'http://option:1', apiKeyFile }, config)).toEqual({
    baseUrl: 'http://option:1',
    apiKey: 'file-key',
  });
});

it('never gives the key of this machine to another address', async () => {
  await writeLocal();
  expect(await findConnection({ dataDir, url: 'http://elsewhere:1' }, readConfig({}))).toEqual({
    baseUrl: 'http://elsewhere:1',
  });
});

it('says how to name the service if nothing does', async () => {
  await expect(findConnection({ dataDir }, readConfig({}))).rejects.toThrow(
    /--url or WAYBILL_URL.*waybill up/,
  );
});
