import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { aDefinition, aWorld } from './testing/world.js';

const text = readFileSync(new URL('../../../docs/acknowledgements.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/```json\n(.*?)\n```\n\n((?:Acknowledged|Overdue): .*?)\n\n/gs)];
const delivery = Date.parse('2026-03-04T06:00:00Z');

/** `Acknowledged: …. Refused: …. Overdue: …. Removed: ….` */
function promised(result: string) {
  const of = (word: string) => {
    const part = new RegExp(`${word}: (.*?)\\.(?: [A-Z]|$)`, 's').exec(result)?.[1] ?? '';
    return [...part.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  };
  return {
    ...{ acknowledged: of('Acknowledged'), refused: of('Refused'), overdue: of('Overdue') },
    removed: of('Removed'),
  };
}

function answers() {
  return [...text.matchAll(/^\| `(.+)` \| (-?\d+) \|$/gm)].map(([, name, minutes]) => ({
    path: `out/${name}`,
    at: delivery + Number(minutes) * 60_000,
  }));
}

it.each(examples.map(([, json = '', result = '']) => [json, result]))('%s: %s', async (json, result) => {
  const { acknowledged, refused, overdue, removed } = promised(result);
  const example = JSON.parse(json).target.acknowledgement;
  const base = aDefinition({ disposition: { kind: 'delete' } });
  // A directory of the endpoint: here the target directory stands for its root.
  const directory = example.directory && { directory: `out/${example.directory}` };
  const definition = {
    ...base,
    target: { ...base.target, acknowledgement: { ...example, ...directory } },
  };
  const { run, source, target, journal } = aWorld({ 'day.csv': '1;2', 'month.csv': '3;4' });
  const coming = answers();
  let at = delivery;
  let state = 'waiting';
  const seen = new Set<string>();
  while (state === 'waiting') {
    for (const { path, at: comes } of coming.splice(0, coming.filter((answer) => answer.at <= at).length)) {
      target.seed(path, '', new Date(comes));
      seen.add(path);
    }
    const ended = await run({ definition, now: () => new Date(at) });
    if (ended.state === 'waiting') at = ended.until.getTime();
    state = ended.state;
  }
  const records = [...journal.records.values()];
  const namesOf = (those: typeof records) => those.map(({ sourcePath }) => sourcePath.slice(3));
  const failed = (why: RegExp) => records.filter(({ failure }) => failure && why.test(failure.message));
  expect(namesOf(records.filter(({ acknowledgedAt }) => acknowledgedAt))).toEqual(acknowledged);
  expect(namesOf(failed(/has refused it/))).toEqual(refused);
  expect(namesOf(failed(/has not acknowledged it/))).toEqual(overdue);
  expect(source.paths().map((path) => path.slice(3))).toEqual([...refused, ...overdue].sort());
  const gone = [...seen].filter((path) => !target.paths().includes(path));
  expect(gone.map((path) => path.slice(4))).toEqual(removed);
});

it('docs/acknowledgements.md has an example of every option', () => {
  expect(examples).toHaveLength(text.split('```json').length - 1);
  const shown = examples.map(([, json]) => json).join('\n');
  for (const option of ['name', 'refusalName', 'directory', 'timeoutMs', 'afterwards'])
    expect(shown).toContain(`"${option}"`);
});
