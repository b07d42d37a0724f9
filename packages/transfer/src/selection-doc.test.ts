import { readFileSync } from 'node:fs';
import { newId, parsePath } from '@waybill/domain';
import { targetNamer, weekendsOnly } from '@waybill/domain/naming';
import { openMemoryEndpoint } from '@waybill/storage';
import { describe, expect, it } from 'vitest';
import type { Ledger } from './ledger.js';
import { selectFiles } from './select-files.js';
import { aDefinition } from './testing/world.js';

const page = (name: string) => readFileSync(new URL(`../../../docs/${name}.md`, import.meta.url), 'utf8');
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner ?? '');

describe('docs/selection.md', () => {
  const text = page('selection');
  const now = new Date('2026-03-04T06:00:00Z');
  const examples = [...text.matchAll(/```json\n(.*?)\n```\n\nTakes (.*?)\n/gs)];

  function thePartner() {
    const source = openMemoryEndpoint();
    for (const [, path, bytes, minutes] of text.matchAll(/^\| `(.+)` \| (\d+) \| (\d+) \|$/gm)) {
      const modifiedAt = new Date(now.getTime() - Number(minutes) * 60_000);
      source.seed(`in/${path}`, new Uint8Array(Number(bytes)), modifiedAt);
    }
    return source;
  }

  /** What the page says of earlier runs. */
  function theLedger(): Ledger {
    const entries = new Map(
      [...text.matchAll(/`(\S+)`\s\((\d+) bytes, (\d+) minutes old now\)/g)].map(
        ([, path, bytes, minutes]) => {
          const modifiedAt = new Date(now.getTime() - Number(minutes) * 60_000);
          const delivered = { runId: newId(), deliveredAt: modifiedAt, sha256: '', steady: true };
          return [parsePath(`in/${path}`), { size: Number(bytes), modifiedAt, ...delivered }];
        },
      ),
    );
    expect(entries.size).toBe(2);
    return { delivered: async () => entries, underWay: async () => new Map() };
  }

  it('has an example of every option', () => {
    const shown = examples.map(([, json]) => json).join('\n');
    const options = [
      'include',
      'exclude',
      'recursive',
      'minBytes',
      'maxBytes',
      'minAgeMs',
      'maxAgeMs',
      'emptyFiles',
    ];
    const others = ['order', 'atMostFiles', 'atMostBytes', 'expect', 'doneFile', 'settleMs', 'onlyNew'];
    expect([...options, ...others].filter((option) => !shown.includes(`"${option}"`))).toEqual([]);
  });

  it.each(examples.map(([, json = '', result = '']) => [json, result]))(
    '%s takes %s',
    async (json, result) => {
      const { include, exclude, selection = {} } = JSON.parse(json);
      const selecting = selectFiles({
        ...{ definition: aDefinition({ include, exclude, selection }), source: thePartner(), known: [] },
        ...{ now: () => now, warn: () => {}, signal: new AbortController().signal, ledger: theLedger() },
      });
      if (result.startsWith('nothing')) {
        await expect(selecting).rejects.toThrow(quoted(result)[0]);
        return;
      }
      const files = await selecting;
      const names = (failed: boolean) =>
        files
          .filter(({ failure }) => (failure !== undefined) === failed)
          .map((file) => file.sourcePath.slice(3));
      const [taken = '', failed = ''] = result.split('Fails');
      expect({ taken: names(false), failed: names(true) }).toEqual({
        taken: quoted(taken),
        failed: quoted(failed),
      });
    },
  );
});

describe('docs/naming.md', () => {
  const context = {
    sourceDirectory: parsePath('out'),
    runId: '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10',
    runAt: new Date('2026-03-28T23:30:00Z'),
    calendar: weekendsOnly,
  };
  const file = {
    path: parsePath('out/daily/Report.final.csv'),
    modifiedAt: new Date('2026-03-27T23:30:00Z'),
    sequence: 2,
  };
  const rows = [...page('naming').matchAll(/^\| `(.+)` \| `(.+)` \|$/gm)];

  it.each(rows.map(([, template = '', result = '']) => [template, result]))(
    '%s makes %s',
    (template, result) => {
      const nameOf = targetNamer({ directory: parsePath('acme'), name: template }, undefined, context);
      expect(nameOf(file)).toBe(`acme/${result}`);
    },
  );

  it('has an example of every macro', () => {
    const templates = rows.map(([, template]) => template).join(' ');
    for (const macro of ['name', 'stem', 'ext', '.ext', 'date', 'modified', 'seq', 'runId', 'source-dir'])
      expect(templates).toMatch(new RegExp(`\\{${macro.replace('.', '\\.')}[},:]`));
  });
});
