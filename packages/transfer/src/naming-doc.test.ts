import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { aWorld } from './testing/world.js';

const page = readFileSync(new URL('../../../docs/naming.md', import.meta.url), 'utf8');
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner ?? '');

describe('docs/naming.md', () => {
  const conflicts = [...page.matchAll(/```json\n(\{ "conflict".*?)\n```\n\n(Makes|Leaves) (.*?)\.\n/gs)];

  it('has an example of each conflict rule that needs one', () => {
    const shown = conflicts.map(([, json]) => json).join('\n');
    for (const rule of ['skip', 'rename', 'renameSuffix']) expect(shown).toContain(`"${rule}"`);
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
      for (const path of before) expect(world.target.content(path)?.toString()).toBe('theirs');
    },
  );
});
