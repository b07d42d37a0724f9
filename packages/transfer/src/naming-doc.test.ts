import { readFileSync } from 'node:fs';
import { parsePath } from '@waybill/domain';
import { faulty } from '@waybill/storage/faulty';
import { describe, expect, it } from 'vitest';
import { aWorld, seededAt } from './testing/world.js';

const signal = new AbortController().signal;

const page = readFileSync(new URL('../../../docs/naming.md', import.meta.url), 'utf8');
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner ?? '');

describe('docs/naming.md', () => {
  const conflicts = [
    ...page.matchAll(/```json\n(\{ "conflict".*?)\n```\n\n(Makes|Leaves|Extends) (.*?)\.\n/gs),
  ];

  it('has an example of each conflict rule that needs one', () => {
    const shown = conflicts.map(([, json]) => json).join('\n');
    for (const rule of ['skip', 'rename', 'renameSuffix', 'append']) expect(shown).toContain(`"${rule}"`);
  });

  it.each(conflicts.map(([, json = '', verb = '', names = '']) => [json, verb, names]))(
    '%s %s %s',
    async (json, verb, names) => {
      const { conflict, target = {} } = JSON.parse(json);
      const world = aWorld({ 'report.csv': 'ours' }, { conflict, ...target });
      const before = ['out/report (1).csv', 'out/report.csv'];
      for (const path of before) world.target.seed(path, 'theirs');
      await world.run();
      const told = quoted(names).map((name) => `out/${name}`);
      const made = world.target.paths().filter((path) => !before.includes(path));
      expect(made).toEqual(verb === 'Makes' ? told : []);
      if (verb === 'Leaves') expect(before.sort()).toEqual(told.sort());
      for (const path of before) {
        const extended = verb === 'Extends' && told.includes(path);
        expect(world.target.content(path)?.toString()).toBe(extended ? 'theirsours' : 'theirs');
      }
    },
  );

  const namings = [...page.matchAll(/```json\n(\{ "partNaming".*?)\n```\n\nWrites `(.*?)`/gs)];

  it('has an example of each naming of part files', () => {
    expect(namings).toHaveLength(4);
  });

  it.each(namings.map(([, json = '', path = '']) => [json, path]))('%s writes %s', async (json, path) => {
    const world = aWorld({ 'day.csv': 'ours' }, {}, JSON.parse(json));
    const definition = {
      ...world.definition,
      target: { ...world.definition.target, directory: parsePath('in') },
    };
    const target = faulty(world.target, []);
    await world.run({ definition, target });
    const written = target.calls.find(({ operation }) => operation === 'put')?.path ?? '';
    expect(written.replace(/-[0-9a-f]{12}-/, '-0123456789ab-')).toBe(path);
    expect(world.target.paths()).toEqual(['in/day.csv']);
  });

  const kept = [...page.matchAll(/```json\n([^`]*?)\n```\n\nHas the time of (.*?) and the mode `(.*?)`/gs)];

  it('has an example of times and modes', () => {
    expect(kept.map(([, , time]) => time)).toEqual(['its arrival', 'the source']);
  });

  it.each(kept.map(([, json = '', time = '', mode = '']) => [json, time, mode]))(
    '%s has the time of %s and the mode %s',
    async (json, time, mode) => {
      const world = aWorld({ 'day.csv': 'ours' }, JSON.parse(json).target);
      await world.source.setAttributes(parsePath('in/day.csv'), { mode: 0o604 }, { signal });
      await world.run();
      const found = await world.target.stat(parsePath('out/day.csv'), { signal });
      expect(found.mode).toBe(Number.parseInt(mode, 8));
      expect(found.modifiedAt.getTime() === seededAt.getTime()).toBe(time === 'the source');
    },
  );
});
