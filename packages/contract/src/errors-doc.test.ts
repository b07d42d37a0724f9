import { readFileSync } from 'node:fs';
import { failureCodes, failureKind } from '@waybill/domain';
import { expect, it } from 'vitest';
import { problemCodes, problems } from './problems.js';

const doc = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

/** The cells of the table below a heading, without its head. */
function rowsBelow(heading: string): string[][] {
  const section = doc.split('\n## ').find((part) => part.startsWith(heading)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.replaceAll('`', '')),
    );
}

it('docs/errors.md has every problem code with its status, title and what to do, and no other', () => {
  const documented = rowsBelow('What the API answers');
  const actual = problemCodes.map((code) => [
    code,
    String(problems[code].status),
    `${problems[code].title}.`,
    problems[code].remedy,
  ]);
  expect(documented).toEqual(actual);
});

it('docs/errors.md has every failure code with what it means and what to do, and no other', () => {
  const actual = failureCodes.map((code) => {
    const { holds, retryable, owner, meaning, remedy } = failureKind(code);
    const outcome = holds ? 'held' : retryable ? 'retried' : 'fails';
    return [code, outcome, owner, meaning, remedy];
  });
  expect(rowsBelow('Why runs and files fail')).toEqual(actual);
});
