import { readFileSync } from 'node:fs';
import { bandwidthAt, maintenanceEnd, waitReasons, whyLimitsRefused } from '@waybill/domain';
import { describe, expect, it } from 'vitest';
import { limits } from './limits.js';

const page = readFileSync(new URL('../../../docs/limits.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```json\n(.*?)\n```/gs)].map(([, json = '']) =>
  limits.parse(JSON.parse(json)),
);
const rows = (value: string) => [...page.matchAll(new RegExp(`^\\| \`(\\S+Z)\` \\| ${value} \\|$`, 'gm'))];

describe('docs/limits.md', () => {
  it('has an example of every limit that an SFTP account can have', () => {
    expect(examples.flatMap((example) => Object.keys(example))).toEqual(Object.keys(limits.shape));
    for (const example of examples) expect(whyLimitsRefused('sftp', example)).toBeUndefined();
  });

  const bandwidth = examples.flatMap((example) => example.bandwidth ?? []);
  it.each(rows('(\\d+)').map(([, at = '', rate = '']) => [at, rate]))(
    '%s allows %s bytes per second',
    (at, rate) => {
      expect(bandwidthAt(bandwidth, new Date(at))).toBe(Number(rate));
    },
  );

  const maintenance = examples.flatMap((example) => example.maintenance ?? []);
  it.each(rows('(?:–|`(.+)`)').map(([, at = '', end]) => [at, end]))(
    'at %s maintenance ends at %s',
    (at, end) => {
      expect(maintenanceEnd(maintenance, new Date(at))?.toISOString()).toBe(end);
    },
  );

  it('says what every reason to wait means, and shows a time of each kind', () => {
    const [beginning = ''] = page.split('\n## ');
    const said = [...beginning.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, reason]) => reason);
    expect(said).toEqual([...waitReasons]);
    expect([rows('(\\d+)').length, rows('(?:–|`(.+)`)').length]).toEqual([3, 4]);
  });
});
