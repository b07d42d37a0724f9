import { readFileSync } from 'node:fs';
import type { TransferDefinition } from '@waybill/domain';
import { openMemoryEndpoint } from '@waybill/storage';
import { expect, it } from 'vitest';
import { aDefinition, aWorld } from './testing/world.js';

const text = readFileSync(new URL('../../../docs/checksum-files.md', import.meta.url), 'utf8');
const now = new Date('2026-03-04T06:00:00Z');
const examples = [...text.matchAll(/```json\n(.*?)\n```\n\n(Delivers .*?)\n\n/gs)];
const quoted = (part = '') => [...part.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner ?? '');

function thePartner() {
  const source = openMemoryEndpoint();
  for (const [, path, content = '', minutes] of text.matchAll(/^\| `(.+)` \| `(.+)` \| (\d+) \|$/gm))
    source.seed(`in/${path}`, content, new Date(now.getTime() - Number(minutes) * 60_000));
  return source;
}

/** `Delivers …. Fails …. Leaves …. Writes …: ….` */
function promised(result: string) {
  const of = (verb: string) => quoted(new RegExp(`${verb} (.*?)\\.(?: [A-Z]|$)`, 's').exec(result)?.[1]);
  return { delivers: of('Delivers'), fails: of('Fails'), leaves: of('Leaves'), writes: of('Writes') };
}

it.each(examples.map(([, json = '', result = '']) => [json, result]))('%s: %s', async (json, result) => {
  const { delivers, fails, leaves, writes } = promised(result);
  const example = JSON.parse(json);
  const base = aDefinition();
  const definition: TransferDefinition = {
    ...base,
    source: { ...base.source, ...example.source },
    target: { ...base.target, ...example.target },
  };
  const source = thePartner();
  const { run, target, journal } = aWorld({});
  const { state } = await run({ definition, source, now: () => now });
  expect(state).toBe(fails.length > 0 ? 'partial' : 'succeeded');
  const records = [...journal.records.values()];
  const failed = records.filter((record) => record.failure?.code === 'checksum-mismatch');
  expect(failed.map(({ sourcePath }) => sourcePath.slice(3))).toEqual(fails);
  for (const name of leaves) expect(records.map(({ sourcePath }) => sourcePath)).not.toContain(`in/${name}`);
  const [path, content] = writes;
  const expected = [...delivers, ...(path === undefined ? [] : [path])].sort();
  expect(target.paths().map((found) => found.slice(4))).toEqual(expected);
  if (path !== undefined) expect(target.content(`out/${path}`)?.toString()).toBe(`${content}\n`);
});

it('docs/checksum-files.md has an example of every option', () => {
  const shown = examples.map(([, json]) => json).join('\n');
  for (const option of ['source', 'target', 'name', 'algorithm', 'graceMs', 'format'])
    expect(shown).toContain(`"${option}"`);
});
