import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { parsePath } from '@waybill/domain';
import type { Behaviour } from '@waybill/simulator';
import { afterEach, describe, expect, it } from 'vitest';
import type { Partner } from '../packages/sftp/src/testing/partner.js';
import { aDefinition, someBytes } from '../packages/transfer/src/testing/world.js';
import { Cleanup } from './support/cleanup.js';
import {
  aFile,
  type ExchangeOptions,
  type PartnerExchange,
  startPull,
  startPush,
} from './support/partner-exchange.js';

const MIB = 1024 * 1024;
const cleanup = new Cleanup();
afterEach(() => cleanup[Symbol.asyncDispose]());

const aPush = (personalities: (Behaviour | string)[], options?: ExchangeOptions) =>
  startPush(cleanup, personalities, options);
const aPull = (personalities: string[], options?: ExchangeOptions) =>
  startPull(cleanup, personalities, options);

const arrived = (partner: Partner, name = 'a.bin') => readFile(partner.disk(`out/${name}`));
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
const hashOf = async (partner: Partner, name?: string) => sha256(await arrived(partner, name));
const names = async (partner: Partner) => (await readdir(partner.disk('out'))).sort();
const renames = ({ requests }: PartnerExchange) => requests.filter(({ kind }) => kind === 'rename').length;
const bytesWritten = ({ requests }: PartnerExchange) =>
  requests.reduce((sum, request) => sum + (request.kind === 'write' ? request.data.length : 0), 0);

describe('a push to a server that loses bytes', () => {
  it('arrives whole at Windows, whose OpenSSH cuts writes over 100 KB', async () => {
    const { partner, attempt } = await aPush(['windows-openssh'], { files: { 'a.bin': someBytes(MIB) } });
    expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(await hashOf(partner)).toBe(sha256(someBytes(MIB)));
  });

  it('is never called delivered where writes are cut: it is corrupted, and nothing has the final name', async () => {
    const { partner, attempt, journal } = await aPush(['cut-writes=4096']);
    await expect(attempt()).rejects.toMatchObject({ code: 'corrupted' });
    expect(await names(partner)).toEqual([]);
    expect(journal.record('in/a.bin')).toMatchObject({ state: 'selected' });
  });

  it('is found out by reading back where a lost write leaves the size as it was', async () => {
    const losesTheFirst: Behaviour = {
      serve: (request, next) =>
        next(
          request.kind === 'write' && request.offset === 0
            ? { ...request, data: Buffer.alloc(request.data.length) }
            : request,
        ),
    };
    const { partner, attempt } = await aPush([losesTheFirst], { verification: 'read-back' });
    await expect(attempt()).rejects.toMatchObject({
      code: 'corrupted',
      message: expect.stringContaining('reads back as SHA-256'),
    });
    expect(await names(partner)).toEqual([]);
  });

  it.each([
    ['disk-full=100000', /write to .*\/out\/.* on sftp:.*"Failure" \(status 4\)/],
    ['full-at-close', /close .*\/out\/.* on sftp:.*"Failure" \(status 4\)/],
  ])('fails where the disk is full (%s), and says what was done where', async (personality, message) => {
    const { partner, attempt } = await aPush([personality]);
    await expect(attempt()).rejects.toMatchObject({ message: expect.stringMatching(message) });
    expect(await names(partner)).toEqual([]);
  });

  it('is not called delivered if the file vanishes on close: the outcome is unknown, a person decides', async () => {
    const { attempt, journal } = await aPush(['vanishes-on-close']);
    await expect(attempt()).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(journal.record('in/a.bin')).toMatchObject({ state: 'unknown' });
  });

  it('is not called delivered if the server lies about sizes', async () => {
    const { partner, attempt } = await aPush(['lying-size']);
    await expect(attempt()).rejects.toMatchObject({
      code: 'corrupted',
      message: expect.stringContaining('has 300002 bytes, but 300001 were sent'),
    });
    expect(await names(partner)).toEqual([]);
  });
});

describe('a push to a server that renames in its own way', () => {
  it('is delivered once if the rename succeeded but its answer was lost', async () => {
    const push = await aPush(['rename-reply-lost']);
    await expect(push.attempt()).rejects.toMatchObject({ code: 'connection-lost' });
    expect(push.journal.record('in/a.bin')).toMatchObject({ state: 'moving' });
    expect(await push.attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(push.journal.record('in/a.bin').proof).toMatchObject({ assurance: 'read-back' });
    expect({ renames: renames(push), bytes: bytesWritten(push) }).toEqual({
      renames: 1,
      bytes: aFile.length,
    });
    expect(await names(push.partner)).toEqual(['a.bin']);
  });

  it('is unknown if the answer to the rename was lost and nobody may look', async () => {
    const push = await aPush(['rename-reply-lost', 'write-only']);
    await expect(push.attempt()).rejects.toMatchObject({ code: 'connection-lost' });
    await expect(push.attempt()).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(push.journal.record('in/a.bin')).toMatchObject({ state: 'unknown' });
    expect(bytesWritten(push)).toBe(aFile.length);
  });

  it('replaces an old file where rename will not overwrite', async () => {
    const { partner, attempt } = await aPush(['rename-will-not-overwrite']);
    await writeFile(partner.disk('out/a.bin'), 'of yesterday');
    expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(await hashOf(partner)).toBe(sha256(aFile));
    expect(await names(partner)).toEqual(['a.bin']);
  });

  it('replaces an old file there as well if the connection ends in the middle', async () => {
    const push = await aPush(['rename-will-not-overwrite', 'rename-reply-lost']);
    await writeFile(push.partner.disk('out/a.bin'), 'of yesterday');
    const { attempts, result } = await push.attempts(3);
    expect({ attempts, delivered: result.delivered }).toEqual({ attempts: 2, delivered: 1 });
    expect(await hashOf(push.partner)).toBe(sha256(aFile));
    expect(bytesWritten(push)).toBe(aFile.length);
  });

  it('leaves the old file alone where rename will not overwrite and the rule says so', async () => {
    const { partner, attempt } = await aPush(['rename-will-not-overwrite'], { conflict: 'fail' });
    await writeFile(partner.disk('out/a.bin'), 'of yesterday');
    await expect(attempt()).rejects.toMatchObject({ code: 'already-exists' });
    expect((await arrived(partner)).toString()).toBe('of yesterday');
  });

  it('keeps the old file if there is no rename at all, and says that it is unsupported', async () => {
    const { partner, attempt } = await aPush(['no-rename']);
    await writeFile(partner.disk('out/a.bin'), 'of yesterday');
    await expect(attempt()).rejects.toMatchObject({ code: 'unsupported' });
    expect((await arrived(partner)).toString()).toBe('of yesterday');
    expect(await names(partner)).toEqual(['a.bin']);
  });
});

describe('a push to a server whose connections end', () => {
  const files = Object.fromEntries(
    ['a', 'b', 'c', 'd'].map((name, i) => [`${name}.bin`, someBytes(90_000, i)]),
  );

  it.each([
    ['cut-after=200000', 'connection-lost'],
    ['silent-after=200000', 'timed-out'],
  ])('continues where the last attempt was stopped: %s', async (personality, code) => {
    const push = await aPush([personality], { files, operationTimeoutMs: 300 });
    await expect(push.attempt()).rejects.toMatchObject({ code });
    const { result } = await push.attempts(5);
    expect(result).toMatchObject({ state: 'succeeded', delivered: 4 });
    for (const [name, content] of Object.entries(files))
      expect(await hashOf(push.partner, name)).toBe(sha256(content));
    expect(bytesWritten(push)).toBeLessThan(2 * 4 * 90_000);
  });
});

describe('a push to a server that refuses', () => {
  it.each([
    ['write-only', 'size'],
    ['setstat-denied', 'size'],
    ['mkdir-race', 'size'],
    ['no-second-channel', 'read-back'],
    ['few-sessions', 'read-back'],
    ['failure-for-all', 'read-back'],
    ['clock-off', 'size'],
    ['mtime-in-minutes', 'size'],
  ] as const)('is delivered all the same: %s', async (personality, verification) => {
    const { partner, attempt } = await aPush([personality], { verification });
    expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(await hashOf(partner)).toBe(sha256(aFile));
    expect(await names(partner)).toEqual(['a.bin']);
  });

  it.each(['skip', 'fail'] as const)(
    'is delivered with the conflict rule "%s" where a missing file is "Failure" too',
    async (conflict) => {
      const { partner, attempt } = await aPush(['failure-for-all'], { conflict });
      expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
      expect(await hashOf(partner)).toBe(sha256(aFile));
    },
  );

  it('is sent again after a person decided so, where nobody may look', async () => {
    const push = await aPush(['rename-reply-lost', 'write-only']);
    await expect(push.attempt()).rejects.toMatchObject({ code: 'connection-lost' });
    await expect(push.attempt()).rejects.toMatchObject({ code: 'outcome-unknown' });
    expect(await push.attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
  });

  it('into a directory that somebody else makes at the same moment is delivered', async () => {
    const directory = parsePath('fresh/and/deep');
    const target = { ...aDefinition().target, directory };
    const { partner, attempt } = await aPush(['mkdir-race'], { target });
    expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(await readdir(partner.disk('fresh/and/deep'))).toEqual(['a.bin']);
  });

  it('is not called delivered where nobody may look, not even at an open file', async () => {
    const { partner, attempt } = await aPush(['stat-denied']);
    await expect(attempt()).rejects.toMatchObject({
      code: 'unproven',
      message: expect.stringContaining('set the minimum assurance of the endpoint to "none"'),
    });
    expect(await names(partner)).toEqual([]);
  });

  it.each([
    ['none', 'none', ['stat-denied', 'write-only']],
    ['none', 'size', ['write-only']],
    ['read-back', 'read-back', ['stat-denied']],
  ] as const)(
    'is delivered where %s is required, proven by %s: %j',
    async (proof, assurance, personalities) => {
      const push = await aPush([...personalities], { verification: proof });
      expect(await push.attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
      expect(await hashOf(push.partner)).toBe(sha256(aFile));
      expect(push.journal.record('in/a.bin').proof).toMatchObject({ assurance });
      expect(push.warnings).toHaveLength(assurance === 'none' ? 1 : 0);
    },
  );

  it('is unproven where a remote hash is required that the server can not tell', async () => {
    const { partner, attempt } = await aPush([], { verification: 'remote-hash' });
    await expect(attempt()).rejects.toMatchObject({
      code: 'unproven',
      message: expect.stringContaining('the server has no check-file'),
    });
    expect(await names(partner)).toEqual([]);
  });

  it('is continued where the length of a file may not be set', async () => {
    const files = { 'a.bin': aFile, 'b.bin': aFile };
    const push = await aPush(['setstat-denied', 'cut-after=450000'], { files });
    const { attempts, result } = await push.attempts(5);
    expect({ attempts, delivered: result.delivered }).toEqual({ attempts: 2, delivered: 2 });
    expect(await hashOf(push.partner, 'b.bin')).toBe(sha256(aFile));
  });
});

describe('a pull from a server that is not what it seems', () => {
  it.each(['growing-file', 'shrinking-file', 'lying-size'])(
    'of a file whose size is not what was told is source-changed, and nothing is delivered: %s',
    async (personality) => {
      const { attempt, target } = await aPull([personality]);
      await expect(attempt()).rejects.toMatchObject({ code: 'source-changed' });
      await expect(
        target.stat(parsePath('out/a.bin'), { signal: new AbortController().signal }),
      ).rejects.toMatchObject({
        code: 'not-found',
      });
    },
  );

  it.each(['mtime-in-minutes', 'clock-off', 'failure-for-all', 'no-second-channel', 'setstat-denied'])(
    'is delivered and its source removed: %s',
    async (personality) => {
      const { attempt, partner } = await aPull([personality], { disposition: { kind: 'delete' } });
      expect(await attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
      expect(await readdir(partner.disk('in'))).toEqual([]);
    },
  );

  it('from a read-once mailbox reads each file once, and delivers it although it is gone then', async () => {
    const pull = await aPull(['read-once']);
    expect(await pull.attempt()).toMatchObject({ state: 'succeeded', delivered: 1 });
    expect(await readdir(pull.partner.disk('in'))).toEqual([]);
    const opened = pull.requests.filter((request) => request.kind === 'open');
    expect(opened).toHaveLength(1);
  });

  it('moves what has a harmless name, tells every hostile one, and writes nothing outside', async () => {
    const { attempt, journal, target } = await aPull(['hostile-names']);
    expect(await attempt()).toMatchObject({ state: 'partial', delivered: 1, failed: 6 });
    const refused = [...journal.records.values()].filter(({ state }) => state === 'failed');
    for (const { failure, targetPath } of refused) {
      expect({ code: failure?.code, targetPath }).toEqual({ code: 'path-refused', targetPath: '' });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the promise
      expect(failure?.message).not.toMatch(/[\u0000-\u001f]/);
    }
    const listed: string[] = [];
    const { signal } = new AbortController();
    for await (const entry of target.list(parsePath('out'), { signal }))
      if ('path' in entry) listed.push(entry.path);
    expect(listed).toEqual(['out/a.bin']);
  });

  it.each(['cut-after=100000', 'silent-after=100000'])(
    'that is interrupted again and again comes to its end: %s',
    async (personality) => {
      const pull = await aPull([personality], { operationTimeoutMs: 300 });
      const { result } = await pull.attempts(15);
      expect(result).toMatchObject({ state: 'succeeded', delivered: 1, bytes: aFile.length });
    },
  );
});
