import { readFileSync } from 'node:fs';
import { openMemoryEndpoint } from '@waybill/storage';
import { expect, it } from 'vitest';
import { runTransfer } from './run-transfer.js';
import { MemoryContents } from './testing/memory-contents.js';
import { MemoryJournal } from './testing/memory-journal.js';
import { aDefinition, seededAt, slowClock } from './testing/world.js';

const text = readFileSync(new URL('../../../docs/duplicates.md', import.meta.url), 'utf8');
const [, rule = ''] = /```json\n(.*?)\n```/s.exec(text) ?? [];
const rows = [...text.matchAll(/^\| `(.+)`: `(.*)` \| `(.+)`: `(.*)` \| (\w+) \|$/gm)];

it('docs/duplicates.md shows what becomes of what', async () => {
  const [target, contents] = [openMemoryEndpoint(), new MemoryContents()];
  const run = async (files: string[][]) => {
    const source = openMemoryEndpoint();
    for (const [name, content = ''] of files) source.seed(`in/${name}`, content, seededAt);
    const journal = new MemoryJournal(undefined, contents);
    await runTransfer({
      ...{ definition: aDefinition(JSON.parse(rule)), source, target, journal, lastAttempt: true },
      ...{ now: slowClock(), signal: new AbortController().signal },
    });
    return journal;
  };
  expect(rows.length).toBeGreaterThan(2);
  await run(rows.map(([, name = '', content = '']) => [name, content]));
  const journal = await run(rows.map(([, , , name = '', content = '']) => [name, content]));
  for (const [, , , name, , state] of rows)
    expect([name, journal.record(`in/${name}`).state]).toEqual([name, state]);
});
