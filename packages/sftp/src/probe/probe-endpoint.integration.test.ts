import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { type EndpointProfile, type ProbeReport, parsePath } from '@waybill/domain';
import type { Behaviour, SftpAnswer, SftpRequest } from '@waybill/simulator';
import { afterEach, describe, expect, it } from 'vitest';
import { type Partner, startPartner } from '../testing/partner.js';
import { probeEndpoint } from './probe-endpoint.js';

const { signal } = new AbortController();
const partners: Partner[] = [];
afterEach(async () => {
  for (const partner of partners.splice(0)) await partner[Symbol.asyncDispose]();
});

async function aPartner(...behaviours: (Behaviour | string)[]): Promise<Partner> {
  const partner = await startPartner(...behaviours);
  partners.push(partner);
  return partner;
}

const denied: SftpAnswer = { kind: 'status', status: 3, message: 'Permission denied' };

function refusing(...kinds: SftpRequest['kind'][]): Behaviour {
  return { serve: async (request, next) => (kinds.includes(request.kind) ? denied : next(request)) };
}

/** Keeps what was asked for. */
function recording(requests: SftpRequest[]): Behaviour {
  return {
    serve: (request, next) => {
      requests.push(request);
      return next(request);
    },
  };
}

function stepsOf({ steps }: ProbeReport, outcome: string): string[] {
  return steps.filter((step) => step.outcome === outcome).map(({ name }) => name);
}

function detailOf({ steps }: ProbeReport, name: string): string | undefined {
  return steps.find((step) => step.name === name)?.detail;
}

it('finds no fault with a partner that has none, and leaves nothing behind', async () => {
  const partner = await aPartner();
  const report = await probeEndpoint(partner.options, signal);
  expect(stepsOf(report, 'failed')).toEqual([]);
  expect(report.proposals).toEqual([]);
  expect(report.profile).toMatchObject({
    software: expect.stringContaining('ssh2'),
    extensions: ['fsync@openssh.com', 'posix-rename@openssh.com'],
    canWrite: true,
    continues: true,
    posixRename: true,
    channels: 10,
    connections: 2,
  });
  expect(await readdir(partner.disk('.'))).toEqual([]);
  expect(partner.simulator.authAttempts).toHaveLength(2);
});

it('opens no file of a mailbox that gives each once, and sees that it does', async () => {
  const requests: SftpRequest[] = [];
  const partner = await aPartner(recording(requests), 'read-once');
  await writeFile(partner.disk('theirs'), 'content');
  const report = await probeEndpoint(partner.options, signal);
  const opened = requests.filter(({ kind }) => kind === 'open').map(({ path }) => path);
  expect(opened).not.toEqual([]);
  expect(opened.filter((path) => !path.startsWith('/.waybill-probe-'))).toEqual([]);
  expect(await readFile(partner.disk('theirs'), 'utf8')).toBe('content');
  expect(report.profile).toMatchObject({ canReadBack: true, keepsBytes: true, keepsRead: false });
  expect(report.proposals).toMatchObject([{ setting: 'verification', proposed: 'size' }]);
});

interface Finding {
  readonly partner: string;
  readonly failed?: readonly string[];
  readonly facts: Partial<EndpointProfile>;
  readonly proposes?: readonly string[];
}

const findings: readonly Finding[] = [
  {
    partner: 'few-sessions',
    failed: ['open a second connection'],
    facts: { connections: 1, channels: 10 },
    proposes: ['schedules'],
  },
  {
    partner: 'no-second-channel',
    facts: { connections: 2, channels: 1, refusesMoreChannels: true },
    proposes: ['maxChannels'],
  },
  {
    partner: 'host-key-differs',
    failed: ['open a second connection'],
    facts: { connections: null, channels: 10 },
  },
  {
    partner: 'no-rename',
    failed: ['rename'],
    facts: { renames: false, renameReplaces: null, posixRename: false, removes: true },
    proposes: ['rights of the account'],
  },
  {
    partner: 'rename-will-not-overwrite',
    facts: { renames: true, renameReplaces: false, posixRename: false },
  },
  {
    partner: 'write-only',
    failed: ['list', 'read back'],
    facts: { canList: false, canReadBack: false, canStat: false, canStatOpen: true, tellsTrueSize: true },
    proposes: ['verification'],
  },
  {
    partner: 'stat-denied',
    failed: ['look'],
    facts: {
      canStat: false,
      canStatOpen: false,
      tellsTrueSize: null,
      timePrecisionMs: null,
      continues: true,
    },
    proposes: ['rights of the account'],
  },
  { partner: 'disk-full=0', failed: ['write'], facts: { canList: true, canWrite: false, channels: 10 } },
  { partner: 'full-at-close', failed: ['write'], facts: { canWrite: false } },
  {
    partner: 'vanishes-on-close',
    failed: ['look'],
    facts: { canWrite: true, keepsWritten: false, tellsTrueSize: true },
    proposes: ['directory'],
  },
  {
    partner: 'cut-writes',
    failed: ['look', 'read back'],
    facts: { tellsTrueSize: false, keepsBytes: false },
    proposes: ['directory'],
  },
  {
    partner: 'lying-size',
    failed: ['look'],
    facts: { tellsTrueSize: false, keepsBytes: true },
    proposes: ['directory'],
  },
  { partner: 'mtime-in-minutes', facts: { timePrecisionMs: 60_000, clockOffsetMs: 0 } },
  {
    partner: 'setstat-denied',
    facts: { setsTimes: false, truncates: false, timePrecisionMs: null, clockOffsetMs: 0, continues: true },
  },
  { partner: 'mkdir-race', facts: { makesDirectories: true, removes: true } },
  {
    partner: 'failure-for-all',
    facts: { canWrite: true, renames: true, renameReplaces: false, removes: true },
  },
  { partner: 'endless-listing', facts: { canList: true, canWrite: true } },
];

it.each(findings)('tells what is wrong with a partner that is $partner, and no more', async (finding) => {
  const partner = await aPartner(finding.partner);
  const report = await probeEndpoint(partner.options, signal);
  expect(stepsOf(report, 'failed')).toEqual(finding.failed ?? []);
  expect(report.profile).toMatchObject(finding.facts);
  expect(report.proposals.map(({ setting }) => setting)).toEqual(finding.proposes ?? []);
  expect(await readdir(partner.disk('.'))).toEqual([]);
});

it('tells a clock that is off by an hour', async () => {
  const { profile } = await probeEndpoint((await aPartner('clock-off=60')).options, signal);
  expect(Math.abs((profile?.clockOffsetMs ?? 0) - 3_600_000)).toBeLessThanOrEqual(2_000);
  expect(profile?.timePrecisionMs).toBe(1000);
});

describe('the scratch files', () => {
  it('lie hidden in the root where no directory can be made', async () => {
    const requests: SftpRequest[] = [];
    const partner = await aPartner(recording(requests), refusing('mkdir'));
    const report = await probeEndpoint(partner.options, signal);
    expect(stepsOf(report, 'failed')).toEqual([]);
    expect(report.profile).toMatchObject({ makesDirectories: false, canWrite: true, posixRename: true });
    const opened = requests.filter(({ kind }) => kind === 'open').map(({ path }) => path);
    expect(opened.every((path) => /^\/\.waybill-probe-[0-9a-f]{12}-/.test(path))).toBe(true);
    expect(await readdir(partner.disk('.'))).toEqual([]);
  });

  it('are named where the account may not remove them', async () => {
    const partner = await aPartner(refusing('remove', 'rmdir'));
    const logged: string[] = [];
    const options = { ...partner.options, log: (message: string) => logged.push(message) };
    const report = await probeEndpoint(options, signal);
    const [left] = await readdir(partner.disk('.'));
    expect(stepsOf(report, 'failed')).toEqual(['remove', 'clean up']);
    expect(detailOf(report, 'clean up')).toContain(`Have the partner remove /${left}`);
    expect(logged.join('\n')).toContain(`/${left}`);
    expect(report.profile?.removes).toBe(false);
  });

  it.each(['cut-after=50000', 'rename-reply-lost'])(
    'are removed over another connection where the first one is lost: %s',
    async (personality) => {
      const partner = await aPartner(personality);
      const report = await probeEndpoint(partner.options, signal);
      expect(detailOf(report, 'remove')).toMatch(/the connection ended in the step "(read back|rename)"/);
      expect(detailOf(report, 'clean up')).toBe('everything that was made is removed');
      expect(report.profile).toMatchObject({ canWrite: true, removes: null, channels: null });
      expect(await readdir(partner.disk('.'))).toEqual([]);
    },
  );

  it.each(['mkdir', 'write', 'rename'] as const)('are removed after an abort during %s', async (kind) => {
    const abort = new AbortController();
    const reason = new Error('nobody waits any more');
    const aborting: Behaviour = {
      async serve(request, next) {
        if (request.kind === kind) abort.abort(reason);
        return next(request);
      },
    };
    const partner = await aPartner(aborting);
    await expect(probeEndpoint(partner.options, abort.signal)).rejects.toBe(reason);
    expect(await readdir(partner.disk('.'))).toEqual([]);
  });
});

describe('a probe ends with a report', () => {
  it('and a single login where the credential is refused', async () => {
    const partner = await aPartner();
    const secret = { kind: 'password', password: 'wrong' } as const;
    const report = await probeEndpoint({ ...partner.options, secret }, signal);
    expect(report).toMatchObject({
      steps: [{ name: 'connect and log in', outcome: 'failed', detail: expect.stringContaining('refused') }],
      profile: null,
      proposals: [],
    });
    expect(partner.simulator.authAttempts).toHaveLength(1);
  });

  it('and with the root that may have been meant where there is none', async () => {
    const partner = await aPartner();
    await mkdir(partner.disk('inbox'));
    const proposalsFor = async (root: string) =>
      (await probeEndpoint({ ...partner.options, root }, signal)).proposals;
    expect(await proposalsFor('/outbox')).toMatchObject([{ setting: 'root', proposed: '.' }]);
    await mkdir(partner.disk('outbox'));
    expect(await proposalsFor('/outbox')).toEqual([]);
  });

  it('where the server breaks the protocol', async () => {
    const report = await probeEndpoint((await aPartner('huge-name')).options, signal);
    expect(stepsOf(report, 'failed')).toEqual(['list']);
    expect(detailOf(report, 'write')).toBe('the connection ended in the step "list"');
  });

  it('where the server falls silent', async () => {
    const partner = await aPartner('silent-after=1');
    const report = await probeEndpoint({ ...partner.options, operationTimeoutMs: 300 }, signal);
    expect(stepsOf(report, 'failed')).toHaveLength(1);
    expect(report.steps.find(({ outcome }) => outcome === 'failed')?.detail).toContain(
      'no answer within 300 ms',
    );
  });
});

describe('what a probe saw', () => {
  const part = parsePath('part');
  const file = parsePath('file');
  /** A server whose plain rename replaces, as that of many does. */
  const replacing: Behaviour = {
    hiddenExtensions: ['posix-rename@openssh.com'],
    serve: (request, next) => next(request.kind === 'rename' ? { ...request, replace: true } : request),
  };

  async function replaceAt(partner: Partner, profile: EndpointProfile | null): Promise<string> {
    await writeFile(partner.disk('part'), 'new');
    await writeFile(partner.disk('file'), 'old');
    const endpoint = await partner.open(profile ? { profile } : {});
    await endpoint.move(part, file, { replace: true, signal });
    expect(await readdir(partner.disk('.'))).toEqual(['file']);
    return readFile(partner.disk('file'), 'utf8');
  }

  it('spares setting the old file aside where rename replaces it', async () => {
    const requests: SftpRequest[] = [];
    const partner = await aPartner(recording(requests), replacing);
    const { profile } = await probeEndpoint(partner.options, signal);
    expect(profile).toMatchObject({ posixRename: false, renameReplaces: true });
    requests.length = 0;
    expect(await replaceAt(partner, profile)).toBe('new');
    expect(requests.filter(({ kind }) => kind === 'rename' || kind === 'remove')).toHaveLength(1);
  });

  it('does no harm once it is no longer true', async () => {
    const { profile } = await probeEndpoint((await aPartner(replacing)).options, signal);
    expect(profile).toMatchObject({ renameReplaces: true });
    expect(await replaceAt(await aPartner('rename-will-not-overwrite'), profile)).toBe('new');
  });

  it('keeps an interrupted file from being continued where that would empty it', async () => {
    const partner = await aPartner();
    const { profile } = await probeEndpoint(partner.options, signal);
    const careful = await partner.open({ profile: { ...(profile as EndpointProfile), continues: false } });
    expect(careful.properties.continues).toBe(false);
    await writeFile(partner.disk('file'), 'begun');
    async function* rest() {
      yield Buffer.from('more');
    }
    await expect(careful.put(file, rest(), { start: 5, signal })).rejects.toMatchObject({
      code: 'unsupported',
    });
    expect(await readFile(partner.disk('file'), 'utf8')).toBe('begun');
  });
});
