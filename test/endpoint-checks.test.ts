import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenSshServer, startOpenSsh } from '@waybill/testkit/openssh';
import { startTcpProxy } from '@waybill/testkit/tcp-proxy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup } from './support/cleanup.js';
import { backends, type Fleet, startFleet } from './support/fleet.js';
import { waybill as runWaybill } from './support/waybill.js';

describe.each(backends)('checks of endpoints, the queue on %s', (backend) => {
  const cleanup = new Cleanup();
  let fleet: Fleet & AsyncDisposable;
  let server: OpenSshServer;
  let local: string;

  beforeAll(async () => {
    fleet = await startFleet(backend, { WAYBILL_CONCURRENCY: '1' });
    cleanup.defer(() => fleet[Symbol.asyncDispose]());
    server = await startOpenSsh();
    cleanup.defer(() => server.stop());
    local = await mkdtemp(join(tmpdir(), 'waybill-local-'));
    cleanup.defer(() => rm(local, { recursive: true, force: true }));
    await mkdir(join(server.root, 'exchange'));
    const { host, port, username } = server;
    const settings = { kind: 'sftp', host, port, username, root: join(server.root, 'exchange') };
    await fleet.api.post('/endpoints', { name: 'acme-sftp', settings });
    const { privateKey } = server.clientKey;
    await fleet.api.call('PUT', '/endpoints/acme-sftp/credential', { kind: 'private-key', privateKey });
    await fleet.api.post('/endpoints', { name: 'inbox', settings: { kind: 'local', root: local } });
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const waybill = (...args: string[]) => runWaybill(fleet.api, args);

  it('an operator scans, accepts the key that the partner confirms, and probes, all by the command line', async () => {
    const distrusting = await waybill('endpoint', 'probe', 'acme-sftp');
    expect(distrusting.exitCode, distrusting.stderr).toBe(1);
    expect(distrusting.stdout).toContain(server.hostKeyFingerprint);
    const before = server.log();

    const scan = await waybill('endpoint', 'scan-host-key', 'acme-sftp');
    expect(scan.exitCode, scan.stderr).toBe(0);
    expect(scan.stdout).toMatch(/SHA256:\S+ +ssh-ed25519 +proposed +yes, new to us/);
    expect(server.log().slice(before.length)).not.toMatch(/Accepted|Failed|authenticating user/);
    const advised = scan.stderr.split('\n').find((line) => line.startsWith('  waybill endpoint trust'));
    expect(advised).toBe(`  waybill endpoint trust acme-sftp --fingerprint ${server.hostKeyFingerprint}`);

    const trust = await waybill(...(advised ?? '').trim().split(' ').slice(1));
    expect(trust.stdout).toMatch(/ active /);
    const probe = await waybill('endpoint', 'probe', 'acme-sftp', '--json');
    expect(probe.exitCode, probe.stderr + probe.stdout).toBe(0);
    const { state, report } = JSON.parse(probe.stdout);
    expect({
      state,
      failed: report.steps.filter((s: { outcome: string }) => s.outcome === 'failed'),
    }).toEqual({
      state: 'succeeded',
      failed: [],
    });
    const shown = await waybill('endpoint', 'show', 'acme-sftp');
    expect(shown.stdout).toMatch(/Probed +20\d\d-.*\n *Found +OpenSSH/);

    const listed = await waybill('endpoint', 'checks', 'acme-sftp');
    expect(listed.stdout.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(/^probe +succeeded/),
      expect.stringMatching(/^host-key-scan +succeeded/),
      expect.stringMatching(/^probe +failed .*connect/),
    ]);
    expect((await fleet.api.get('/audit-events/verification')).intact).toBe(true);
  });

  it('a check is carried out while a transfer occupies the only worker', async () => {
    const proxy = await startTcpProxy({ target: server });
    cleanup.defer(() => proxy.close());
    proxy.stall();
    const { host, port } = proxy;
    const settings = { kind: 'sftp', host, port, username: server.username };
    await fleet.api.post('/endpoints', { name: 'slow', settings });
    await fleet.api.post('/endpoints/slow/host-keys', { key: server.hostKey });
    await fleet.api.call('PUT', '/endpoints/slow/credential', { kind: 'password', password: 'unused' });
    const source = { endpointId: 'slow', directory: '' };
    const target = { endpointId: 'inbox', directory: '' };
    await fleet.api.post('/transfers', { name: 'endless', definition: { source, target } });
    const { id } = await fleet.api.run('endless');
    await fleet.api.until(id, (run) => run.state === 'running');

    const { exitCode, stderr } = await waybill('endpoint', 'probe', 'inbox');
    expect(exitCode, stderr).toBe(0);
    expect(await fleet.api.get(`/runs/${id}`)).toMatchObject({ state: 'running' });
    await fleet.api.post(`/runs/${id}/cancel`);
  });

  it('a directory of ours is probed by a worker that sees it', async () => {
    const probe = await waybill('endpoint', 'probe', 'inbox');
    expect(probe.exitCode, probe.stderr).toBe(0);
    expect(probe.stdout).toMatch(/read back +passed .* the same bytes/);
    await rm(local, { recursive: true });
    const gone = await waybill('endpoint', 'probe', 'inbox');
    expect(gone.exitCode).toBe(1);
    expect(gone.stdout).toContain(`open local root "${local}"`);
    expect(gone.stderr).toContain(
      'The probe failed: open. When the cause is put right: waybill endpoint probe inbox',
    );
  });
});
