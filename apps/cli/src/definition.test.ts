import { describe, expect, it } from 'vitest';
import { definitionOf, hasDefinition } from './definition.js';

const stored = {
  source: { endpointId: '1', directory: 'out', include: ['*.csv'], exclude: [] },
  target: { endpointId: '2', directory: 'in' },
  disposition: { kind: 'archive' as const, directory: 'done' },
  conflict: 'fail' as const,
  verification: 'read-back' as const,
  concurrency: 2,
  retry: { maxAttempts: 9, firstDelayMs: 1, maxDelayMs: 2 },
};

describe('a new definition', () => {
  it('holds what the options say and leaves the rest to the service', () => {
    const options = {
      from: 'acme:out/daily',
      to: 'inbox:',
      include: ['*.csv'],
      deleteSource: true,
      readBack: true,
    };
    expect(definitionOf(options, undefined)).toEqual({
      source: { endpointId: 'acme', directory: 'out/daily', include: ['*.csv'] },
      target: { endpointId: 'inbox', directory: '' },
      disposition: { kind: 'delete' },
      verification: 'read-back',
    });
  });

  it('needs both places, written as endpoint:directory', () => {
    expect(() => definitionOf({ from: 'acme:out' }, undefined)).toThrow(/--from and --to/);
    expect(() => definitionOf({ from: 'acme', to: 'inbox:' }, undefined)).toThrow(
      /--from acme: write endpoint:directory/,
    );
  });
});

describe('a changed definition', () => {
  it('keeps what the options do not mention', () => {
    expect(definitionOf({ to: '3:other', readBack: false, maxAttempts: 1 }, stored)).toEqual({
      ...stored,
      target: { endpointId: '3', directory: 'other' },
      verification: 'size',
      retry: { maxAttempts: 1, firstDelayMs: 1, maxDelayMs: 2 },
    });
    expect(definitionOf({ exclude: ['*.tmp'] }, stored).source).toEqual({
      ...stored.source,
      exclude: ['*.tmp'],
    });
  });

  it('claims and delivers sets until told otherwise', () => {
    const both = definitionOf({ claimSuffix: '.taken', set: '*.ctl' }, stored);
    expect(both).toEqual({
      ...stored,
      source: { ...stored.source, claim: { suffix: '.taken' } },
      set: { controlFile: '*.ctl' },
    });
    expect(definitionOf({ claimTo: 'taken', set: true }, both)).toMatchObject({
      source: { claim: { directory: 'taken' } },
      set: {},
    });
    expect(definitionOf({ include: ['*'] }, both)).toMatchObject({ ...both, source: { include: ['*'] } });
    expect(definitionOf({ claim: false, set: false, exclude: [] }, both)).toEqual(stored);
    expect([{ claim: false }, { set: false }, { set: true }, { claim: true }].map(hasDefinition)).toEqual([
      ...[true, true, true],
      false,
    ]);
  });

  it('names files and enters directories without losing the other rules', () => {
    const base = { ...stored, source: { ...stored.source, selection: { minBytes: 1 } } };
    const changed = definitionOf({ recursive: 'mirror', targetName: '{seq}{.ext}' }, base);
    expect(changed.source).toEqual({ ...base.source, selection: { minBytes: 1, recursive: 'mirror' } });
    expect(changed.target).toEqual({ ...stored.target, name: '{seq}{.ext}' });
    expect(definitionOf({ to: '3:other' }, changed).target).toMatchObject({ name: '{seq}{.ext}' });
  });

  it('leaves the suffix of renamed files out once another conflict rule is chosen', () => {
    const renaming = definitionOf({ conflict: 'rename', renameSuffix: '_{n}' }, stored);
    expect(renaming).toMatchObject({
      conflict: 'rename',
      target: { ...stored.target, renameSuffix: '_{n}' },
    });
    expect(definitionOf({ conflict: 'rename' }, renaming)).toEqual(renaming);
    expect(definitionOf({ conflict: 'skip' }, renaming)).toEqual({ ...stored, conflict: 'skip' });
    expect(hasDefinition({ renameSuffix: '_{n}' })).toBe(true);
  });

  it('sets a mode and takes it away again, and keeps times or does not', () => {
    const modes = definitionOf({ mode: '0640', preserveTimes: false }, stored);
    expect(modes.target).toEqual({ ...stored.target, mode: '0640', preserveTimes: false });
    expect(definitionOf({ mode: 'preserve' }, modes).target).toMatchObject({ mode: 'preserve' });
    expect(definitionOf({ mode: 'default', preserveTimes: true }, modes).target).toEqual({
      ...stored.target,
      preserveTimes: true,
    });
    expect(hasDefinition({ mode: 'default' })).toBe(true);
    expect(hasDefinition({ preserveTimes: false })).toBe(true);
  });

  it('asks for a proof by its name, or by the short options', () => {
    expect(definitionOf({ verification: 'remote-hash' }, stored).verification).toBe('remote-hash');
    expect(definitionOf({ readBack: true }, { ...stored, verification: 'size' }).verification).toBe(
      'read-back',
    );
    expect(hasDefinition({ verification: 'none' })).toBe(true);
  });

  it('is told from a change of other fields', () => {
    expect(hasDefinition({})).toBe(false);
    expect(hasDefinition({ keepSource: true })).toBe(true);
    expect(hasDefinition({ from: 'acme:out' })).toBe(true);
  });
});
