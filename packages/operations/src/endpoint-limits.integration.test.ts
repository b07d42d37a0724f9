import { randomBytes } from 'node:crypto';
import { type Fence, findEndpoint, findRun, findTransferVersion, listRuns } from '@waybill/db';
import {
  type AttemptOutcome,
  defaultRetryPolicy,
  type EndpointLimits,
  type Failure,
  type Id,
  newId,
  rootPath,
} from '@waybill/domain';
import { createVault, parseMasterKey } from '@waybill/secrets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelRun } from './cancel-run.js';
import { claimCheck } from './claim-check.js';
import { claimRun, renewLease } from './claim-run.js';
import { setCredential } from './credentials.js';
import { createEndpoint, updateEndpoint } from './define-endpoint.js';
import { createTransfer } from './define-transfer.js';
import { noteReached, resumeEndpoint } from './endpoint-breaker.js';
import { expireChecks } from './expire-checks.js';
import { finishAttempt } from './finish-attempt.js';
import { finishCheck } from './finish-check.js';
import { requestCheck } from './request-check.js';
import { rescueLostAttempts } from './rescue-attempts.js';
import { eventsOf, openTestContext, sftpSettings, type TestContext } from './testing/exchange.js';
import { triggerRun } from './trigger-run.js';
import { registerWorker } from './workers.js';

const vault = createVault(parseMasterKey(randomBytes(32).toString('base64'), 'the test'));
const done: AttemptOutcome = { kind: 'done', state: 'succeeded' };
const day = { from: '00:00', to: '24:00', zone: 'UTC' } as const;

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});
afterAll(() => context[Symbol.asyncDispose]());

/** A partner's account with so many transfers from it, in a pool of its own with so many slots. */
async function aPartner(
  limits: EndpointLimits,
  { transfers = 1, slots = 0, jump }: { transfers?: number; slots?: number; jump?: Id } = {},
) {
  const name = `p-${newId()}`;
  const pool = name.slice(-12);
  const settings = { ...sftpSettings, ...(jump && { route: { kind: 'jump', endpointId: jump } as const }) };
  const source = await createEndpoint(context, { name, settings, limits, pool });
  const target = await createEndpoint(context, {
    ...{ name: `${name}-in`, settings: { kind: 'local', root: '/srv/in' }, pool },
  });
  const workerId = newId();
  const worker = { name: 'w', pools: [pool], host: 'localhost', pid: 1, concurrency: slots };
  await registerWorker(context.database, { id: workerId, ...worker });
  const runs: Id[] = [];
  for (let i = 0; i < transfers; i++) runs.push(await aRun(source.id, target.id));
  return { endpoint: source, runs, claim: claimerOf(workerId), workerId, pool };
}

/** A run of a transfer of its own. */
async function aRun(source: Id, target: Id): Promise<Id> {
  const { id: transferId } = await createTransfer(context, {
    name: `t-${newId()}`,
    definition: {
      source: { endpointId: source, directory: rootPath, include: ['*'], exclude: [] },
      target: { endpointId: target, directory: rootPath },
      disposition: { kind: 'keep' },
      conflict: 'replace',
      verification: 'size',
      concurrency: 4,
      retry: defaultRetryPolicy,
    },
  });
  return (await triggerRun(context, { transferId })).run.id;
}

function claimerOf(workerId: Id) {
  return async (runId: Id, leaseMs = 60_000) => {
    const { epoch } = await runOf(runId);
    return await claimRun(context, { runId, epoch, workerId, leaseMs });
  };
}

async function runOf(runId: Id) {
  const run = await findRun(context.database, runId);
  return run ?? expect.unreachable(`no run ${runId}`);
}

async function fenceOf(claiming: ReturnType<typeof claimRun>): Promise<Fence> {
  const claim = await claiming;
  return claim.kind === 'claimed' ? claim.fence : expect.unreachable(`the run was ${claim.kind}`);
}

async function versionOf(runId: Id) {
  const { transferVersionId } = await runOf(runId);
  return (await findTransferVersion(context.database, transferVersionId)) ?? expect.unreachable('no version');
}

async function breakerOf(endpointId: Id) {
  return (await findEndpoint(context.database, endpointId))?.breaker;
}

function retry(failure: Failure): AttemptOutcome {
  return { kind: 'retry-at', at: new Date(), failure };
}

describe('runs of an endpoint', () => {
  it.each<[EndpointLimits, number, number]>([
    [{ maxRuns: 2 }, 0, 2],
    [{ maxConnections: 3 }, 0, 3],
    [{ maxRuns: 4, maxConnections: 1 }, 0, 1],
    [{}, 4, 3],
  ])(
    'with limits %j in a pool of %i slots are never more than %i at once, and all are served',
    async (limits, slots, most) => {
      const { runs, claim } = await aPartner(limits, { transfers: 8, slots });
      const waiting = new Set(runs);
      const tried = new Set<Id>();
      const running = new Set<Id>();
      let [peak, active] = [0, 0];
      // Each claimer takes whatever the queue would hand out to it: what waits for nothing, or was called.
      const claimer = async () => {
        while (waiting.size > 0) {
          active++;
          const [runId] = (await dueOf([...waiting])).filter((id) => !tried.has(id));
          if (runId === undefined) {
            if (--active === 0) expect.unreachable('runs wait, and nobody will ever call them');
            await new Promise((resolve) => setTimeout(resolve, 10));
            continue;
          }
          tried.add(runId);
          const claimed = await claim(runId);
          tried.delete(runId);
          if (claimed.kind === 'claimed') {
            waiting.delete(runId);
            running.add(runId);
            peak = Math.max(peak, running.size);
            while (peak < most) await new Promise((resolve) => setTimeout(resolve, 10));
            running.delete(runId);
            await finishAttempt(context, claimed.fence, done);
          }
          active--;
        }
      };
      await Promise.all(Array.from({ length: 6 }, claimer));
      expect(peak).toBe(most);
      for (const id of runs) expect((await runOf(id)).state).toBe('succeeded');
    },
    60_000,
  );

  it('wait with the reason and since when, and are called in the order of their creation', async () => {
    const { endpoint, runs, claim } = await aPartner({ maxRuns: 1 }, { transfers: 4 });
    const [first, second, third, fourth] = runs as [Id, Id, Id, Id];
    const fence = await fenceOf(claim(first));
    // The younger one asks before the older ones.
    for (const id of [fourth, third, second]) expect((await claim(id)).kind).toBe('in-line');
    const { waiting } = await runOf(second);
    expect(waiting).toEqual({
      reason: 'max-runs',
      message: `endpoint ${endpoint.name} takes 1 run at once`,
      endpoint: { id: endpoint.id, name: endpoint.name },
      since: expect.any(Date),
    });
    expect((await claim(second)).kind).toBe('in-line');
    expect((await runOf(second)).waiting?.since).toEqual(waiting?.since);

    await finishAttempt(context, fence, done);
    expect(await dueOf(runs)).toEqual([second]);
    // Whoever comes in between leaves the place to the one before.
    const behind = await claim(fourth);
    // Those behind look for themselves less often than the first one does.
    expect(behind).toMatchObject({ kind: 'in-line', until: (await runOf(fourth)).notBefore });
    expect((await runOf(fourth)).notBefore?.getTime()).toBeGreaterThan(Date.now() + 120_000);
    const next = await fenceOf(claim(second));
    expect((await runOf(second)).waiting).toBeUndefined();
    await finishAttempt(context, next, done);
    expect(await dueOf(runs)).toEqual([third]);
  });

  it('that are cancelled while it was their turn pass it on', async () => {
    const { runs, claim } = await aPartner({ maxRuns: 1 }, { transfers: 3 });
    const [first, second, third] = runs as [Id, Id, Id];
    const fence = await fenceOf(claim(first));
    for (const id of [second, third]) await claim(id);
    await finishAttempt(context, fence, done);
    await cancelRun(context, second);
    expect(await dueOf(runs)).toEqual([third]);
    expect((await claim(third)).kind).toBe('claimed');
  });

  it('that were lost give their place back when the lease ends', async () => {
    const { endpoint, runs, claim } = await aPartner(
      { maxRuns: 2, bandwidth: [{ bytesPerSecond: 2_048 }] },
      { transfers: 3 },
    );
    const [first, second, third] = runs as [Id, Id, Id];
    await fenceOf(claim(first));
    const alive = await fenceOf(claim(second));
    expect((await claim(third)).kind).toBe('in-line');
    const shareOf = async () =>
      (await renewLease(context.database, alive, 60_000)).shares.find((s) => s.endpointId === endpoint.id);
    expect(await shareOf()).toMatchObject({ runs: 2, limits: { bandwidth: [{ bytesPerSecond: 2_048 }] } });
    await context.database.prisma.$executeRaw`
      update run set lease_until = now() - interval '1 second' where id = ${first}::uuid`;
    expect(await shareOf()).toMatchObject({ runs: 1 });
    await rescueLostAttempts(context, { limit: 10 });
    expect(await dueOf([third])).toEqual([third]);
    expect((await claim(third)).kind).toBe('claimed');
  });

  it('are called when a person raises the limit', async () => {
    const { endpoint, runs, claim } = await aPartner({ maxRuns: 1 }, { transfers: 3 });
    await fenceOf(claim(runs[0] as Id));
    for (const id of runs.slice(1)) await claim(id);
    await updateEndpoint(context, endpoint.id, { limits: { maxRuns: 3 } });
    expect(await dueOf(runs.slice(1))).toEqual(runs.slice(1));
    expect((await claim(runs[1] as Id)).kind).toBe('claimed');
  });

  it('behind a jump host share its connections', async () => {
    const bastion = await createEndpoint(context, {
      ...{ name: `j-${newId()}`, settings: sftpSettings, limits: { maxConnections: 1 } },
    });
    const one = await aPartner({}, { jump: bastion.id });
    const other = await aPartner({}, { jump: bastion.id });
    const fence = await fenceOf(one.claim(one.runs[0] as Id));
    expect((await other.claim(other.runs[0] as Id)).kind).toBe('in-line');
    expect((await runOf(other.runs[0] as Id)).waiting).toMatchObject({
      ...{ reason: 'max-connections', endpoint: { id: bastion.id } },
    });
    await finishAttempt(context, fence, done);
    expect((await other.claim(other.runs[0] as Id)).kind).toBe('claimed');
  });

  it('that waited for the connections of a check are called when it ends', async () => {
    const bastion = await createEndpoint(context, {
      ...{ name: `j-${newId()}`, settings: sftpSettings, limits: { maxConnections: 2 } },
    });
    const { endpoint, runs, claim, workerId, pool } = await aPartner({}, { jump: bastion.id });
    const [runId] = runs as [Id];
    for (const end of ['finished', 'expired'] as const) {
      const { check } = await requestCheck(context, endpoint.id, 'host-key-scan');
      const claimed = await claimCheck(context, { workerId, pools: [pool] });
      if (!claimed) return expect.unreachable('the check is gone');
      expect((await claim(runId)).kind).toBe('in-line');
      expect((await runOf(runId)).waiting).toMatchObject({ reason: 'max-connections' });
      expect(await dueOf(runs)).toEqual([]);
      if (end === 'finished')
        await finishCheck(context, claimed, { failure: { code: 'timed-out', message: 'slow' } });
      else {
        await context.database.prisma.$executeRaw`
          update endpoint_check set started_at = now() - interval '1 hour' where id = ${check.id}::uuid`;
        expect(await expireChecks(context, { limit: 10 })).toContain(check.id);
      }
      expect(await dueOf(runs)).toEqual([runId]);
    }
  });

  it('of a pool without workers do not swallow the call that another pool waits for', async () => {
    const { endpoint, runs, claim } = await aPartner({ maxRuns: 1 }, { transfers: 1 });
    const [first] = runs as [Id];
    const fence = await fenceOf(claim(first));
    const deserted = await createEndpoint(context, {
      ...{ name: `d-${newId()}`, settings: { kind: 'local', root: '/srv/in' }, pool: 'deserted' },
    });
    const theirs = await aRun(endpoint.id, deserted.id);
    expect((await claim(theirs)).kind).toBe('in-line');
    const { definition } = await versionOf(first);
    const ours = await aRun(endpoint.id, definition.target.endpointId);
    expect((await claim(ours)).kind).toBe('in-line');
    await finishAttempt(context, fence, done);
    expect(await dueOf([theirs, ours])).toEqual([theirs, ours]);
    expect((await claim(ours)).kind).toBe('claimed');
  });

  it('that need two full endpoints are served at last, however many come for one of them alone', async () => {
    const { endpoint: one, claim, pool } = await aPartner({ maxRuns: 1 }, { transfers: 0 });
    const other = await createEndpoint(context, {
      ...{ name: `o-${newId()}`, settings: sftpSettings, limits: { maxRuns: 1 }, pool },
    });
    const free = await createEndpoint(context, {
      ...{ name: `f-${newId()}`, settings: { kind: 'local', root: '/srv/in' }, pool },
    });
    const comes = (place: Id) => aRun(place, free.id);
    const fences = new Map<Id, Fence>();
    for (const { id } of [one, other]) fences.set(id, await fenceOf(claim(await comes(id))));
    const needsBoth = await aRun(one.id, other.id);
    const fresh = new Map<Id, Id[]>();
    for (const { id } of [one, other]) fresh.set(id, [await comes(id), await comes(id)]);
    for (const id of [needsBoth, ...[...fresh.values()].flat()]) await claim(id);
    // They end in turns, so that there is never room at both by chance.
    const endAt = async (place: Id) => {
      await finishAttempt(context, fences.get(place) ?? expect.unreachable('nobody is there'), done);
      fences.delete(place);
      for (;;) {
        const [next] = await dueOf([needsBoth, ...(fresh.get(place) ?? [])]);
        if (next === undefined) return;
        const claimed = await claim(next);
        if (claimed.kind !== 'claimed') continue;
        if (next === needsBoth) return;
        fences.set(place, claimed.fence);
        fresh.get(place)?.push(await comes(place));
      }
    };
    for (let round = 0; round < 3; round++) for (const { id } of [one, other]) await endAt(id);
    expect((await runOf(needsBoth)).state).toBe('queued');

    await context.database.prisma.$executeRaw`
      update run set waiting_since = now() - interval '1 hour' where id = ${needsBoth}::uuid`;
    await endAt(one.id);
    expect((await runOf(needsBoth)).waiting).toMatchObject({ endpoint: { id: other.id } });
    // Its place at the first one is kept: whoever asks for it has to wait, and calls nobody in vain.
    const younger = fresh.get(one.id)?.at(-1) ?? expect.unreachable('nobody waits');
    expect((await claim(younger)).kind).toBe('in-line');
    expect(await dueOf(fresh.get(one.id) ?? [])).toEqual([]);
    await endAt(other.id);
    expect((await runOf(needsBoth)).state).toBe('running');
  });

  it('are not started in maintenance, and wait until its end', async () => {
    const endsAt = new Date(Date.now() + 3_600_000).toISOString();
    const { runs, claim } = await aPartner({
      maintenance: [{ startsAt: new Date(Date.now() - 1_000).toISOString(), endsAt }],
    });
    const claimed = await claim(runs[0] as Id);
    expect(claimed).toEqual({ kind: 'in-line', until: new Date(endsAt) });
    expect(await runOf(runs[0] as Id)).toMatchObject({
      waiting: { reason: 'maintenance' },
      notBefore: new Date(endsAt),
      attemptsUsed: 0,
    });
  });
});

describe('an endpoint that does not work', () => {
  const down = { code: 'connection-refused', message: 'nothing listens' } as const;

  it('is suspended after five runs that did not reach it; then one tries, and closes or opens it again', async () => {
    const { endpoint, runs, claim } = await aPartner({}, { transfers: 7 });
    const failNow = async (runId: Id) => {
      const fence = await fenceOf(claim(runId));
      await finishAttempt(context, fence, retry({ ...down, unopenedEndpointId: endpoint.id }));
    };
    for (const id of runs.slice(0, 5)) await failNow(id);
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'open', failures: 5, failure: down });
    const [, , , , , sixth, seventh] = runs as Id[];
    expect((await claim(sixth as Id)).kind).toBe('in-line');
    expect(await runOf(sixth as Id)).toMatchObject({ attemptsUsed: 0, waiting: { reason: 'suspended' } });
    expect((await runOf(runs[0] as Id)).attemptsUsed).toBe(1);

    await timePasses(endpoint.id);
    await failNow(sixth as Id);
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'open', failures: 6, openings: 2 });

    await timePasses(endpoint.id);
    const trial = await fenceOf(claim(seventh as Id));
    expect((await claim(runs[0] as Id)).kind).toBe('in-line');
    await noteReached(context, endpoint.id);
    expect(await breakerOf(endpoint.id)).toBeUndefined();
    expect(await dueOf([runs[0] as Id])).toEqual([runs[0]]);
    expect((await claim(runs[0] as Id)).kind).toBe('claimed');
    await finishAttempt(context, trial, done);
    expect(await eventsOf(context.database, endpoint.id)).toEqual([
      'endpoint.created',
      'endpoint.suspended',
      'endpoint.suspended',
      'endpoint.resumed',
    ]);
  });

  it('forgets failures once a run has reached it', async () => {
    const { endpoint, runs, claim } = await aPartner({}, { transfers: 2 });
    const fence = await fenceOf(claim(runs[0] as Id));
    await finishAttempt(context, fence, retry({ ...down, unopenedEndpointId: endpoint.id }));
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'closed', failures: 1 });
    await noteReached(context, endpoint.id);
    expect(await breakerOf(endpoint.id)).toBeUndefined();
    expect(await eventsOf(context.database, endpoint.id)).toEqual(['endpoint.created']);
  });

  async function timePasses(endpointId: Id) {
    await context.database.prisma.endpointBreaker.update({
      where: { endpointId },
      data: { openUntil: new Date(Date.now() - 1_000) },
    });
  }
});

describe('an endpoint that refuses our credential', () => {
  const refused = { code: 'authentication-failed', message: 'wrong password' } as const;
  const password = { kind: 'password', password: 'secret' } as const;

  /** Ten runs, of which the first was refused. */
  async function locked() {
    const partner = await aPartner({}, { transfers: 4 });
    const { endpoint, runs, claim } = partner;
    await setCredential(context, endpoint.id, password, vault);
    const claims = await Promise.all(runs.map((id) => claim(id)));
    const trials = claims.filter((one) => one.kind === 'claimed');
    // A new credential is tried by one run alone, however many are claimed at once.
    expect(trials).toHaveLength(1);
    for (const { fence } of trials)
      await finishAttempt(context, fence, {
        kind: 'give-up',
        failure: { ...refused, unopenedEndpointId: endpoint.id },
      });
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'open', until: undefined, failure: refused });
    const left = runs.filter((_, i) => claims[i]?.kind !== 'claimed');
    for (const id of left) expect((await claim(id)).kind).toBe('in-line');
    return { ...partner, left };
  }

  it('is left alone until its credential is set again; then one run tries', async () => {
    const { endpoint, left, claim } = await locked();
    await setCredential(context, endpoint.id, password, vault);
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'untried', failures: 0 });
    expect((await dueOf(left)).length).toBe(left.length);
    expect(await claim(left[0] as Id)).toMatchObject({ kind: 'claimed' });
    expect(await claim(left[1] as Id)).toMatchObject({ kind: 'in-line' });
    expect(await eventsOf(context.database, endpoint.id)).toEqual([
      ...['endpoint.created', 'credential.set', 'endpoint.suspended', 'credential.set', 'endpoint.resumed'],
    ]);
  });

  it('is tried again when its settings change, and when a person says so', async () => {
    const { endpoint, left, claim } = await locked();
    await updateEndpoint(context, endpoint.id, { settings: { ...sftpSettings, username: 'other' } });
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'untried' });
    const fence = await fenceOf(claim(left[0] as Id));
    await finishAttempt(context, fence, {
      kind: 'give-up',
      failure: { ...refused, unopenedEndpointId: endpoint.id },
    });
    const resumed = await resumeEndpoint(context, endpoint.name);
    expect(resumed.breaker).toBeUndefined();
    expect((await resumeEndpoint(context, endpoint.id)).breaker).toBeUndefined();
    expect((await claim(left[1] as Id)).kind).toBe('claimed');
    expect(
      (await eventsOf(context.database, endpoint.id)).filter((type) => type === 'endpoint.resumed'),
    ).toHaveLength(2);
    await expect(resumeEndpoint(context, 'nobody')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is told of once, however many runs were just signing in', async () => {
    const { endpoint, runs, claim } = await aPartner({}, { transfers: 3 });
    const fences: Fence[] = [];
    for (const id of runs) fences.push(await fenceOf(claim(id)));
    const outcome = { kind: 'give-up', failure: { ...refused, unopenedEndpointId: endpoint.id } } as const;
    for (const fence of fences) await finishAttempt(context, fence, outcome);
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'open', failures: 3 });
    expect(await eventsOf(context.database, endpoint.id)).toEqual(['endpoint.created', 'endpoint.suspended']);
  });

  it('is left alone as well where the refused run was to be cancelled', async () => {
    const { endpoint, runs, claim } = await aPartner({});
    const fence = await fenceOf(claim(runs[0] as Id));
    await cancelRun(context, runs[0] as Id);
    await finishAttempt(context, fence, retry({ ...refused, unopenedEndpointId: endpoint.id }));
    expect((await runOf(runs[0] as Id)).state).toBe('cancelled');
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'open' });
  });

  it('is not judged by a run that had begun with the credential before', async () => {
    const { endpoint, runs, claim } = await aPartner({}, { transfers: 4 });
    const [early, late, trial, next] = runs as [Id, Id, Id, Id];
    const fences = [await fenceOf(claim(early)), await fenceOf(claim(late))] as const;
    await setCredential(context, endpoint.id, password, vault);
    const outcome = { kind: 'give-up', failure: { ...refused, unopenedEndpointId: endpoint.id } } as const;
    await finishAttempt(context, fences[0], outcome);
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'untried', failures: 0 });
    expect((await claim(trial)).kind).toBe('claimed');
    expect((await claim(next)).kind).toBe('in-line');
    await noteReached(context, endpoint.id);
    await finishAttempt(context, fences[1], outcome);
    expect(await breakerOf(endpoint.id)).toBeUndefined();
  });

  it('as a jump host holds up all that are behind it, and lets them go once one got through', async () => {
    const bastion = await createEndpoint(context, { name: `j-${newId()}`, settings: sftpSettings });
    await setCredential(context, bastion.id, password, vault);
    const behind = async () => {
      const { endpoint, runs, claim } = await aPartner({}, { jump: bastion.id });
      const [runId] = runs as [Id];
      return { endpoint, runId, claim: () => claim(runId) };
    };
    const [first, second, third] = [await behind(), await behind(), await behind()] as const;
    const fence = await fenceOf(first.claim());
    expect((await second.claim()).kind).toBe('in-line');
    const failure = { ...refused, unopenedEndpointId: bastion.id };
    await finishAttempt(context, fence, { kind: 'give-up', failure });
    expect(await breakerOf(bastion.id)).toMatchObject({ state: 'open', until: undefined });
    expect(await breakerOf(first.endpoint.id)).toBeUndefined();
    for (const way of [second, third]) {
      expect((await way.claim()).kind).toBe('in-line');
      expect((await runOf(way.runId)).waiting).toMatchObject({
        ...{ reason: 'suspended', endpoint: { id: bastion.id } },
      });
    }
    await setCredential(context, bastion.id, password, vault);
    expect(await dueOf([second.runId, third.runId])).toEqual([second.runId, third.runId]);
    expect((await second.claim()).kind).toBe('claimed');
    expect((await third.claim()).kind).toBe('in-line');
    await noteReached(context, second.endpoint.id);
    expect(await breakerOf(bastion.id)).toBeUndefined();
    expect(await dueOf([third.runId])).toEqual([third.runId]);
    expect((await third.claim()).kind).toBe('claimed');
  });

  it('is tried again after a probe that passed, and not after one that failed', async () => {
    const { endpoint, workerId, pool } = await locked();
    const profile = null;
    const probe = async (outcome: 'passed' | 'failed') => {
      await requestCheck(context, endpoint.id, 'probe');
      const claimed = await claimCheck(context, { workerId, pools: [pool] });
      if (!claimed) return expect.unreachable('the probe is gone');
      const step = { name: 'connect and log in', outcome, tookMs: 1, detail: '' } as const;
      await finishCheck(context, claimed, {
        report: { kind: 'probe', steps: [step], profile, proposals: [] },
      });
    };
    await probe('failed');
    expect(await breakerOf(endpoint.id)).toMatchObject({ state: 'open' });
    await probe('passed');
    expect(await breakerOf(endpoint.id)).toBeUndefined();
  });
});

describe('limits', () => {
  it('that contradict themselves are refused where they are defined, with the place', async () => {
    const limits = { maintenance: [day, { ...day, zone: 'Nowhere' }] };
    await expect(
      createEndpoint(context, { name: `p-${newId()}`, settings: sftpSettings, limits }),
    ).rejects.toMatchObject({ code: 'invalid', field: '/limits/maintenance/1' });
    const { endpoint } = await aPartner({ maxRuns: 1 });
    await expect(
      updateEndpoint(context, `${endpoint.name}-in`, { limits: { maxConnections: 1 } }),
    ).rejects.toMatchObject({ code: 'invalid', field: '/limits/maxConnections' });
  });

  it('stay where a change does not name them, and go where it names none', async () => {
    const { endpoint } = await aPartner({ maxRuns: 1 });
    expect((await updateEndpoint(context, endpoint.id, { pool: 'dmz' })).limits).toEqual({ maxRuns: 1 });
    expect((await updateEndpoint(context, endpoint.id, { limits: {} })).limits).toEqual({});
  });
});

/** Those of the runs whose job the queue would hand out now, oldest first. */
async function dueOf(ids: readonly Id[]): Promise<Id[]> {
  const { items } = await listRuns(context.database, { limit: 200 }, { state: 'queued' });
  const due = items.filter((run) => run.notBefore === undefined || run.notBefore <= new Date());
  return due
    .map(({ id }) => id)
    .filter((id) => ids.includes(id))
    .sort();
}
