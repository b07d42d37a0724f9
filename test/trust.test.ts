import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup } from './support/cleanup.js';
import { defineExchange, type Exchange, PARTNER } from './support/exchange.js';
import { backends, type Fleet, freePort, startFleet } from './support/fleet.js';

/** A valid key that no server of ours has. */
const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt';

describe.each(backends)('trust, the queue on %s', (backend) => {
  const cleanup = new Cleanup();
  let fleet: Fleet & AsyncDisposable;
  let exchange: Exchange & AsyncDisposable;

  beforeAll(async () => {
    fleet = await startFleet(backend);
    cleanup.defer(() => fleet[Symbol.asyncDispose]());
    exchange = await defineExchange(fleet.api, { hostKey: OTHER_KEY });
    cleanup.defer(() => exchange[Symbol.asyncDispose]());
    await writeFile(join(exchange.local, 'out', 'secret.txt'), 'for the partner alone');
    await exchange.define('push', 'push');
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it('a wrong host key holds the run with both fingerprints and sends nothing; pinned, the run goes on and delivers', async () => {
    const { items } = await fleet.api.get(`/endpoints/${PARTNER}/host-keys`);
    const run = await fleet.api.settled((await fleet.api.run('push')).id);
    expect(run.state).toBe('held');
    expect(run.failure.code).toBe('host-key-mismatch');
    expect(run.failure.message).toContain(exchange.server.hostKeyFingerprint);
    expect(run.failure.message).toContain(items[0].fingerprint);
    expect(await readdir(join(exchange.remote, 'in'))).toEqual([]);

    await fleet.api.post(`/endpoints/${PARTNER}/host-keys`, { key: exchange.server.hostKey });
    expect((await fleet.api.settled(run.id)).state).toBe('succeeded');
    expect(await readFile(join(exchange.remote, 'in', 'secret.txt'), 'utf8')).toBe('for the partner alone');
  });

  it('a refused credential fails the run after one attempt', async () => {
    await fleet.api.call('PUT', `/endpoints/${PARTNER}/credential`, { kind: 'password', password: 'wrong' });
    const run = await fleet.api.settled((await fleet.api.run('push')).id);
    expect(run).toMatchObject({ state: 'failed', failure: { code: 'authentication-failed' } });
    expect((await fleet.api.get(`/runs/${run.id}/attempts`)).items).toHaveLength(1);
    expect(JSON.stringify(run)).not.toContain('wrong');
  });

  it('a server that refuses connections uses up the attempts, and the run says which address', async () => {
    const port = await freePort();
    await fleet.api.post('/endpoints', {
      name: 'nobody-there',
      settings: { kind: 'sftp', host: '127.0.0.1', port, username: 'me' },
    });
    await fleet.api.post('/endpoints/nobody-there/host-keys', { key: OTHER_KEY });
    const secret = { kind: 'password', password: 'unused' };
    await fleet.api.call('PUT', '/endpoints/nobody-there/credential', secret);
    await exchange.define('to-nobody', 'push', {
      definition: {
        target: { endpointId: 'nobody-there', directory: 'in' },
        retry: { maxAttempts: 2, firstDelayMs: 100, maxDelayMs: 100 },
      },
    });
    const run = await fleet.api.settled((await fleet.api.run('to-nobody')).id);
    expect(run).toMatchObject({ state: 'failed', attemptsUsed: 2, failure: { code: 'connection-refused' } });
    expect(run.failure.message).toContain(`127.0.0.1:${port}`);
  });

  it('an audit row altered behind our back is named', async () => {
    const sound = await fleet.api.get('/audit-events/verification');
    expect(sound.intact).toBe(true);
    const client = new pg.Client(fleet.databaseUrl);
    await client.connect();
    try {
      await client.query(`update audit_event set actor_name = 'somebody else' where seq = 5`);
      const altered = await fleet.api.get('/audit-events/verification');
      expect(altered).toMatchObject({ intact: false, problem: { kind: 'altered', seq: 5 } });
    } finally {
      await client.end();
    }
  });
});
