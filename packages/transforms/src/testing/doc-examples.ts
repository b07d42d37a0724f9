import { readFileSync } from 'node:fs';
import type { TransformSpec } from '@waybill/domain';
import { generateKey } from 'openpgp';
import type { KeySource } from '../index.js';
import { makeZip } from './make-zip.js';
import { transform } from './streams.js';

export const doc = readFileSync(new URL('../../../../docs/transforms.md', import.meta.url), 'utf8');

/** Of docs/transforms.md: the JSON, and what becomes of which name. */
export const examples = [...doc.matchAll(/```json\n(\[.*?)```\n\n`(.*?)` becomes `(.*?)`/gs)].map(
  ([, json = '', name = '', result = '']) => [json.replaceAll(/\s+/g, ' ').trim(), name, result] as const,
);

const content = 'name;amount\nJane;12.50\n';

/** One pair, whatever the name: what is made with it can be undone with it. */
export async function keysOfExamples(): Promise<KeySource> {
  const owner = { name: 'Acme', email: 'files@acme.example' };
  const pair = await generateKey({ userIDs: [owner], format: 'armored' });
  return {
    publicKey: async () => pair.publicKey,
    privateKey: async () => ({ key: pair.privateKey }),
  };
}

/** A file as it may come from a partner, for which the first of the steps is made. */
export async function fileFor(specs: readonly TransformSpec[], keys: KeySource): Promise<Buffer> {
  const [first] = specs;
  if (first?.kind === 'unzip' && first.entry !== undefined)
    return makeZip([{ name: 'other.csv' }, { name: first.entry, content }]);
  return (await transform(before(specs), content, { keys })).output;
}

/** What makes the file that the first of the steps expects. */
function before([first, ...rest]: readonly TransformSpec[]): TransformSpec[] {
  switch (first?.kind) {
    case 'gunzip':
      return [...before(rest), { kind: 'gzip' }];
    case 'unzip':
      return [...before(rest), { kind: 'zip' }];
    case 'openpgp-decrypt':
      return [...before(rest), { kind: 'openpgp-encrypt', recipients: ['ours'], signWith: 'acme' }];
    case 'openpgp-verify':
      return [...before(rest), { kind: 'openpgp-sign', signWith: 'acme' }];
    case 'charset':
      return first.from === 'utf-8' ? [] : [{ kind: 'charset', from: 'utf-8', to: first.from }];
    default:
      return [];
  }
}
