import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadMasterKeyFile, MasterKeyRefused, parseMasterKey } from './master-key.js';

describe("the master key's file", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waybill-key-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is made on first use, for its owner alone, and read again afterwards', async () => {
    const path = join(directory, 'master.key');
    const made = await loadMasterKeyFile(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await loadMasterKeyFile(path)).bytes).toEqual(made.bytes);
  });

  it('is refused when others may read it', async () => {
    const path = join(directory, 'master.key');
    await loadMasterKeyFile(path);
    await chmod(path, 0o644);
    await expect(loadMasterKeyFile(path)).rejects.toThrow(/chmod 600/);
  });
});

it('refuses a key of the wrong length without repeating it', () => {
  expect(() => parseMasterKey('c2hvcnQ=', 'WAYBILL_MASTER_KEY')).toThrow(MasterKeyRefused);
  expect(() => parseMasterKey('c2hvcnQ=', 'WAYBILL_MASTER_KEY')).not.toThrow(/c2hvcnQ/);
});
