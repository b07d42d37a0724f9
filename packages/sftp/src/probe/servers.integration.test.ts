import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EndpointProfile } from '@waybill/domain';
import type { AccountServer } from '@waybill/testkit/account-server';
import { startDropbear } from '@waybill/testkit/dropbear';
import { startProftpd } from '@waybill/testkit/proftpd';
import { startRclone } from '@waybill/testkit/rclone';
import { expect, it } from 'vitest';
import { optionsFor, startOpenSshAccount } from '../testing/account.js';
import { probeEndpoint } from './probe-endpoint.js';

const { signal } = new AbortController();

interface Expected {
  readonly name: string;
  readonly start: () => Promise<AccountServer>;
  readonly facts: Partial<EndpointProfile>;
}

/** What all of them can do. */
const able: Partial<EndpointProfile> = {
  canList: true,
  makesDirectories: true,
  canWrite: true,
  keepsWritten: true,
  canReadBack: true,
  keepsBytes: true,
  keepsRead: true,
  canStat: true,
  canStatOpen: true,
  tellsTrueSize: true,
  setsTimes: true,
  renames: true,
  posixRename: true,
  removes: true,
  timePrecisionMs: 1000,
  clockOffsetMs: 0,
  connections: 2,
};
const byOpenSsh = { continues: true, truncates: true, renameReplaces: false };
const limits = { readBytes: 255 * 1024, writeBytes: 255 * 1024 };

const servers: readonly Expected[] = [
  {
    name: 'OpenSSH that allows 3 channels',
    start: () => startOpenSshAccount({ config: ['MaxSessions 3'] }),
    facts: { ...byOpenSsh, limits, channels: 3, refusesMoreChannels: true, hashes: [] },
  },
  {
    name: 'ProFTPD',
    start: startProftpd,
    facts: { ...byOpenSsh, limits: null, channels: 10, refusesMoreChannels: false, hashes: ['sha256'] },
  },
  {
    name: 'dropbear',
    start: startDropbear,
    facts: { ...byOpenSsh, limits, channels: 10, refusesMoreChannels: false },
  },
  {
    name: 'rclone',
    start: startRclone,
    // It empties a file that is opened for writing.
    facts: { continues: false, renameReplaces: true, limits: null, freeBytes: null },
  },
];

it.each(servers)('tells what $name can do, and leaves nothing behind', async ({ start, facts }) => {
  const server = await start();
  try {
    await writeFile(join(server.directory, 'theirs'), 'content');
    const before = await readdir(server.directory);
    const report = await probeEndpoint(optionsFor(server), signal);
    expect(report.steps.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(report.profile).toMatchObject({ ...able, ...facts });
    expect(await readdir(server.directory)).toEqual(before);
  } finally {
    await server.stop();
  }
});

it('proposes the root below the login directory that was written as an absolute one', async () => {
  const server = await startOpenSshAccount({});
  try {
    const { steps, profile, proposals } = await probeEndpoint(
      { ...optionsFor(server), root: '/partner' },
      signal,
    );
    expect(steps.at(-1)).toMatchObject({ name: 'open the root', outcome: 'failed' });
    expect(profile).toBeNull();
    expect(proposals).toEqual([
      { setting: 'root', proposed: 'partner', why: 'there is no directory /partner, but there is partner' },
    ]);
  } finally {
    await server.stop();
  }
});
