import { readFileSync } from 'node:fs';
import { parsePath, type TransferDefinition } from '@waybill/domain';
import { openMemoryEndpoint } from '@waybill/storage';
import { describe, expect, it } from 'vitest';
import { type DryRunInput, dryRun, explainPath } from './dry-run.js';
import { aDefinition } from './testing/world.js';

const text = readFileSync(new URL('../../../docs/dry-run.md', import.meta.url), 'utf8');
const now = new Date('2026-03-04T06:00:00Z');

/** The cells of the rows below this head, without their quotes. */
function table(head: string): string[][] {
  const [, rows = ''] = text.split(`| ${head} |\n`);
  const [block = ''] = rows.split('\n\n');
  return block
    .split('\n')
    .slice(1)
    .map((row) => row.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')));
}

function theExample(): DryRunInput {
  const source = openMemoryEndpoint();
  for (const [path, bytes, minutes] of table('file | bytes | minutes old')) {
    const modifiedAt = new Date(now.getTime() - Number(minutes) * 60_000);
    source.seed(`in/${path}`, new Uint8Array(Number(bytes)), modifiedAt);
  }
  const example = JSON.parse(/```json\n(.*?)\n```/s.exec(text)?.[1] ?? '');
  const base = aDefinition();
  const definition: TransferDefinition = {
    ...base,
    source: { ...base.source, ...example.source },
    target: { ...base.target, ...example.target },
  };
  return { definition, source, now: () => now, signal: new AbortController().signal };
}

describe('docs/dry-run.md', () => {
  it('shows what a dry run tells', async () => {
    const { files, obstacle } = await dryRun(theExample());
    const rows = files.map(({ decision, path, code, because, targetPath }) => {
      return [decision, path, code, because, targetPath ?? ''];
    });
    expect(obstacle).toBeNull();
    expect(rows).toEqual(table('decision | file | code | because | target'));
  });

  it('shows what an explanation tells', async () => {
    const { answers, file } = await explainPath(theExample(), parsePath('in/INV_2.csv'));
    const rows = answers.map(({ question, answer, because }) => [question, answer, because]);
    expect(rows).toEqual(table('question | answer | because'));
    expect(file?.because).toBe(answers.find(({ answer }) => answer === 'no')?.because);
  });
});
