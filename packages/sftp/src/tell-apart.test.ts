import { parsePath } from '@waybill/domain';
import { StorageError } from '@waybill/storage';
import { describe, expect, it } from 'vitest';
import { Status } from './errors.js';
import { TellApart } from './tell-apart.js';
import { type Answers, answeringSession, looksAt, refused } from './testing/answering-session.js';

const { signal } = new AbortController();
const file = parsePath('in/a.csv');
const other = parsePath('out/b.csv');
const failure = refused('/in/a.csv');

const all = {
  '/in': 'directory',
  '/out': 'directory',
  '/in/a.csv': 'file',
  '/out/b.csv': 'file',
} as const;

function tellApart(answers: Answers, extensions?: string[]) {
  const { session, asked } = answeringSession(answers, extensions);
  const absolute = (path: string) => `/${path}`;
  return { told: new TellApart({ session, absolute, describe: absolute }), asked };
}

const full: [Answers, string[]] = [{ freeBytes: () => 0 }, ['statvfs@openssh.com']];

describe('status 4', () => {
  it.each([
    ['is a missing directory', {}, 'not-found', '/in/a.csv does not exist'],
    ['is a file, no directory', all, 'not-found', '/in/a.csv is no directory'],
    ['is not explained', { '/in/a.csv': 'directory' } as const, 'unknown', 'is there: ask the partner'],
  ] as const)('to a listing: %s', async (_, places, code, message) => {
    const { told } = tellApart({ lstat: looksAt(places) });
    const error = await told.listing(failure, file, signal);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it.each([
    ['is a missing file', { '/in': 'directory' } as const, 'not-found', '/in/a.csv does not exist'],
    ['is a directory', { '/in/a.csv': 'directory' } as const, 'not-found', '/in/a.csv is no regular file'],
    ['is not explained', all, 'unknown', '/in/a.csv is there: ask the partner'],
  ] as const)('to opening for reading: %s', async (_, places, code, message) => {
    const { told, asked } = tellApart({ lstat: looksAt(places) });
    const error = await told.reading(failure, file, signal);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['is a directory', { ...all, '/in/a.csv': 'directory' }, false, 'already-exists', 'is a directory'],
    ['is a missing directory', {}, false, 'not-found', '/in does not exist'],
    ['is a missing file to continue', { '/in': 'directory' }, true, 'not-found', '/in/a.csv does not exist'],
    ['is not explained', { '/in': 'directory' }, false, 'unknown', 'ask the partner'],
  ] as const)('to a put: %s', async (_, places, continues, code, message) => {
    const { told } = tellApart({ lstat: looksAt(places) });
    const error = await told.putting(failure, file, { signal, continues, fresh: false });
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('to a put or to mkdir is no-space where the server says that none is free, by two looks', async () => {
    const [answers, extensions] = full;
    const { told, asked } = tellApart({ ...answers, lstat: looksAt(all) }, extensions);
    const message = expect.stringContaining('no space is left at /in');
    expect(await told.putting(failure, file, { signal, continues: false, fresh: false })).toMatchObject({
      code: 'no-space',
      message,
    });
    expect(asked.map(({ method }) => method).sort()).toEqual(['freeBytes', 'lstat']);
    expect(await told.making(failure, parsePath('in/new'), signal)).toMatchObject({
      code: 'no-space',
      message,
    });
  });

  it.each([
    ['is a missing file', { '/out': 'directory' }, false, 'not-found', '/in/a.csv does not exist'],
    ['is a name that is taken', all, false, 'already-exists', '/out/b.csv exists'],
    ['is a directory in the way', { ...all, '/out/b.csv': 'directory' }, true, 'already-exists', 'no file'],
    ['is a missing directory', { '/in/a.csv': 'file' }, false, 'not-found', '/out does not exist'],
    ['is not the file that is to be replaced', all, true, 'unknown', 'ask the partner'],
  ] as const)('to a rename: %s', async (_, places, replace, code, message) => {
    const { told, asked } = tellApart({ lstat: looksAt(places) });
    const error = await told.moving(failure, file, other, { signal, replace });
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  it.each([
    ['is nothing to remove', {}, 'not-found'],
    ['is a directory', { '/in/a.csv': 'directory' } as const, 'not-found'],
    ['is not explained', all, 'unknown'],
  ] as const)('to a removal: %s', async (_, places, code) => {
    const { told } = tellApart({ lstat: looksAt(places) });
    expect(await told.removing(failure, file, signal)).toMatchObject({ code });
  });

  it.each([
    ['is a missing parent', {}, 'not-found'],
    ['is a file in the way', all, 'already-exists'],
    ['is a directory that is there', { '/in/a.csv': 'directory' } as const, 'unknown'],
  ] as const)('to mkdir: %s', async (_, places, code) => {
    const { told } = tellApart({ lstat: looksAt(places) });
    expect(await told.making(failure, file, signal)).toMatchObject({ code });
  });

  it('is the partner’s to explain where looking shows nothing', async () => {
    const { told } = tellApart({ lstat: looksAt(all) });
    expect(await told.reading(failure, file, signal)).toMatchObject({ code: 'unknown', owner: 'partner' });
  });

  it('to every look as well leaves the reason open, without a guess', async () => {
    const { told } = tellApart({ lstat: looksAt({}, Status.failure) });
    for (const error of [
      await told.reading(failure, file, signal),
      await told.putting(failure, file, { signal, continues: true, fresh: false }),
      await told.moving(failure, file, other, { signal, replace: false }),
      await told.removing(failure, file, signal),
      await told.making(failure, file, signal),
    ])
      expect(error).toMatchObject({ code: 'unknown' });
  });

  it('keeps a reason that the server gave in words', async () => {
    const { told } = tellApart({ lstat: looksAt(all) });
    const denied = refused('/in/a.csv', Status.failure, 'Access is denied.');
    expect(await told.reading(denied, file, signal)).toBe(denied);
    expect(denied.code).toBe('permission-denied');
  });
});

it('any other answer stays as it is, without a look', async () => {
  const { told, asked } = tellApart({});
  const denied = refused('/in/a.csv', Status.permissionDenied);
  const lost = new StorageError('connection-lost', 'gone');
  for (const error of [denied, lost, new Error('a bug')]) {
    expect(await told.putting(error, file, { signal, continues: false, fresh: false })).toBe(error);
    expect(await told.moving(error, file, other, { signal, replace: true })).toBe(error);
  }
  expect(asked).toEqual([]);
});

it('a connection that is lost while looking is told instead', async () => {
  const lost = new StorageError('connection-lost', 'gone');
  const { told } = tellApart({
    lstat: () => {
      throw lost;
    },
  });
  await expect(told.reading(failure, file, signal)).rejects.toBe(lost);
});
