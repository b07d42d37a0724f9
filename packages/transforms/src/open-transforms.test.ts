import { createHash, randomBytes } from 'node:crypto';
import type { TransformSpec } from '@waybill/domain';
import { generateKey } from 'openpgp';
import { describe, expect, it } from 'vitest';
import { type KeySource, openKeyRing, openTransforms } from './index.js';
import { collect, inPieces, noKeys, transform } from './testing/streams.js';

const pair = await generateKey({
  userIDs: [{ name: 'Acme', email: 'files@acme.example' }],
  format: 'armored',
});
const keys: KeySource = {
  publicKey: async () => pair.publicKey,
  privateKey: async () => ({ key: pair.privateKey }),
};
const signal = new AbortController().signal;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const there: TransformSpec[] = [
  { kind: 'charset', from: 'utf-8', to: 'iso-8859-1' },
  { kind: 'line-ends', to: 'crlf' },
  { kind: 'gzip' },
  { kind: 'zip' },
  { kind: 'openpgp-sign', signWith: 'ours', armor: true },
  { kind: 'openpgp-encrypt', recipients: ['acme'] },
];
const back: TransformSpec[] = [
  { kind: 'openpgp-decrypt', decryptWith: ['ours'] },
  { kind: 'openpgp-verify', requireSignatureBy: ['acme'] },
  { kind: 'unzip' },
  { kind: 'gunzip' },
  { kind: 'line-ends', to: 'lf' },
  { kind: 'charset', from: 'iso-8859-1', to: 'utf-8' },
];
const pairs = there.map((spec, i) => [spec.kind, spec, back.at(-1 - i) ?? spec] as const);

it('goes through all steps and back, with size and hash of what came out of each', async () => {
  const original = 'Grüße;1\nGrüße;2\n';
  const sent = await transform(there, original, { keys });
  expect(sent.report.map(({ kind }) => kind)).toEqual(there.map(({ kind }) => kind));
  expect(sent.report.at(-1)).toMatchObject({ bytes: sent.output.length, sha256: sha256(sent.output) });
  expect(sent.report[1]?.sha256).toBe(sha256(Buffer.from('Grüße;1\r\nGrüße;2\r\n', 'latin1')));

  const received = await transform(back, sent.output, { keys });
  expect(received.output.toString()).toBe(original);
  expect(received.report[1]?.signedBy).toMatch(/^[0-9A-F]{40}$/);
  expect(received.report[2]?.entry).toBe('day.csv.gz');
});

it('leaves the bytes alone where there is no transform', async () => {
  const { output, report } = await transform([], 'as it is');
  expect(output.toString()).toBe('as it is');
  expect(report).toEqual([]);
});

it('has no report before the end', async () => {
  const opened = await openTransforms([{ kind: 'gzip' }], { keys: openKeyRing(noKeys), signal });
  const file = opened.apply(inPieces(Buffer.from('x')), { name: 'x' });
  expect(() => file.report()).toThrow('only 0 of 1 transforms have ended');
});

it.each<[string, TransformSpec[], RegExp]>([
  [
    'no recipients',
    [{ kind: 'openpgp-encrypt', recipients: [] }],
    /transform 1 \(openpgp-encrypt\): .*no recipients/,
  ],
  ['a level of 10', [{ kind: 'gzip' }, { kind: 'gzip', level: 10 }], /transform 2 \(gzip\): level 10/],
  ['a path for a name', [{ kind: 'zip', entryName: '../x' }], /"\/", which would leave/],
  [
    'line ends of UTF-16',
    [
      { kind: 'charset', from: 'utf-8', to: 'utf-16le' },
      { kind: 'line-ends', to: 'lf' },
    ],
    /put it before that conversion/,
  ],
  [
    'a mark in Latin-1',
    [{ kind: 'charset', from: 'utf-8', to: 'iso-8859-1', byteOrderMark: true }],
    /no byte order mark/,
  ],
])('refuses steps that make no sense: %s', async (_what, specs, message) => {
  await expect(transform(specs, '')).rejects.toMatchObject({
    code: 'misconfigured',
    message: expect.stringMatching(message),
  });
});

describe.each([...pairs])('%s and back', (_kind, forward, backward) => {
  /** What the steps take as input: one that is not packed or encrypted, and one that is. */
  const packed = transform([forward], text(), { keys });
  const cases = async () => {
    const { output } = await packed;
    return [
      { spec: forward, input: text },
      { spec: backward, input: () => inPieces(output, 16 * 1024) },
    ];
  };

  it('reads no further when its output is not taken', async () => {
    for (const { spec, input } of await cases()) {
      const opened = await openTransforms([spec], { keys: openKeyRing(keys), signal });
      const flow = { in: 0 };
      const taken = opened.apply(counted(input(), flow), { name: 'x' }).body[Symbol.asyncIterator]();
      while (flow.in === 0) await taken.next();
      for (let turn = 0; turn < 500; turn++) await new Promise(setImmediate);
      expect(flow.in).toBeLessThan(1024 ** 2);
      await taken.return?.();
    }
  });

  it('throws what the input throws', async () => {
    const broken = new Error('the connection is lost');
    for (const { spec, input } of await cases()) {
      const run = transform([spec, { kind: 'gzip' }], failing(input(), broken), { keys });
      await expect(run).rejects.toBe(broken);
    }
  });

  it('stops when it is aborted, though the input hangs', async () => {
    for (const { spec, input } of await cases()) {
      const abort = new AbortController();
      const reason = new Error('the run was cancelled');
      const body = failing(input(), new Promise<never>(() => setTimeout(() => abort.abort(reason), 20)));
      await expect(transform([spec], body, { keys, signal: abort.signal })).rejects.toBe(reason);
    }
  });

  it('lets go of the input when the output is not wanted any more', async () => {
    for (const { spec, input } of await cases()) {
      const opened = await openTransforms([spec], { keys: openKeyRing(keys), signal });
      let closed = () => {};
      const whenClosed = new Promise<void>((resolve) => {
        closed = resolve;
      });
      const flow = { in: 0 };
      const body = watched(counted(input(), flow), closed);
      for await (const _chunk of opened.apply(body, { name: 'x' }).body) if (flow.in > 0) break;
      await expect(whenClosed).resolves.toBeUndefined();
    }
  });
});

const lines = Buffer.from(
  Array.from({ length: 512 }, () => `${randomBytes(95).toString('base64').slice(0, 127)}\n`).join(''),
);

/** Text that shrinks by a quarter at most: what repeats lies further apart than gzip looks. */
async function* text(): AsyncGenerator<Uint8Array> {
  for (let block = 0; block < 40; block++) yield lines;
}

async function* counted(body: AsyncIterable<Uint8Array>, flow: { in: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    flow.in += chunk.length;
    yield chunk;
  }
}

async function* failing(
  body: AsyncIterable<Uint8Array>,
  end: Error | Promise<never>,
): AsyncGenerator<Uint8Array> {
  let left = 200_000;
  for await (const chunk of body) {
    if (left <= 0) throw await end;
    left -= chunk.length;
    yield chunk;
  }
}

async function* watched(body: AsyncIterable<Uint8Array>, closed: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    closed();
  }
}

it('one opening serves many files, and asks for each key once', async () => {
  let asked = 0;
  const counting: KeySource = { ...keys, privateKey: async () => ({ key: pair.privateKey, at: asked++ }) };
  const ring = openKeyRing(counting);
  const specs: TransformSpec[] = [{ kind: 'openpgp-sign', signWith: 'ours' }];
  const opened = [
    await openTransforms(specs, { keys: ring, signal }),
    await openTransforms(specs, { keys: ring, signal }),
  ];
  for (const one of opened)
    expect((await collect(one.apply(inPieces(Buffer.from('x')), { name: 'x' }).body)).length).toBeGreaterThan(
      1,
    );
  expect(asked).toBe(1);
});
