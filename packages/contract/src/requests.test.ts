import { readFileSync } from 'node:fs';
import { defaultRetryPolicy } from '@waybill/domain';
import { describe, expect, it } from 'vitest';
import { routes } from './routes.js';

const definition = {
  source: { endpointId: 'acme-sftp', directory: '/out//daily/' },
  target: { endpointId: 'inbox', directory: '' },
};

/** The pointers of everything that is wrong. */
function wrongIn(
  route: 'createTransfer' | 'createEndpoint' | 'createPartner' | 'updateEndpoint' | 'updateTransfer',
  body: unknown,
) {
  const parsed = routes[route].body.safeParse(body);
  return (parsed.error?.issues ?? []).map((issue) =>
    [...issue.path, ...(issue.code === 'unrecognized_keys' ? issue.keys : [])].join('/'),
  );
}

describe('a transfer', () => {
  it('has a default for everything but from where and to where', () => {
    expect(routes.createTransfer.body.parse({ name: 'a', definition })).toEqual({
      name: 'a',
      enabled: true,
      definition: {
        source: { endpointId: 'acme-sftp', directory: 'out/daily', include: ['*'], exclude: [] },
        target: { endpointId: 'inbox', directory: '' },
        disposition: { kind: 'keep' },
        conflict: 'replace',
        concurrency: 4,
        retry: defaultRetryPolicy,
      },
    });
  });

  it.each([
    ['definition/source/directory', { source: { ...definition.source, directory: '../etc' } }],
    ['definition/source/include/0', { source: { ...definition.source, include: ['a/b'] } }],
    ['definition/source/include', { source: { ...definition.source, include: [] } }],
    ['definition/source/include/0', { source: { ...definition.source, include: ['/(/'] } }],
    [
      'definition/source/selection/maxBytes',
      { source: { ...definition.source, selection: { minBytes: 2, maxBytes: 1 } } },
    ],
    [
      'definition/source/selection/doneFile',
      { source: { ...definition.source, selection: { doneFile: { name: 'READY', afterwards: 'keep' } } } },
    ],
    [
      'definition/transforms',
      {
        transforms: [
          { kind: 'gzip', level: 3 },
          { kind: 'zip', entryName: 'a/b' },
        ],
      },
    ],
    ['definition/transforms/0/level', { transforms: [{ kind: 'gzip', level: 10 }] }],
    ['definition/transforms/0/recipients', { transforms: [{ kind: 'openpgp-encrypt', recipients: [] }] }],
    ['definition/transforms/0/colour', { transforms: [{ kind: 'gunzip', colour: 'red' }] }],
    ['definition/target/name', { target: { ...definition.target, name: '{nam}' } }],
    [
      'definition/source/checksumFile/algorithm',
      { source: { ...definition.source, checksumFile: { name: '{name}.crc', algorithm: 'crc32' } } },
    ],
    [
      'definition/source/checksumFile/format',
      {
        source: {
          ...definition.source,
          checksumFile: { name: '{name}.md5', algorithm: 'md5', format: 'bsd' },
        },
      },
    ],
    [
      'definition/source/checksumFile/name',
      {
        source: { ...definition.source, checksumFile: { name: '{stem}.md5', algorithm: 'md5' } },
        disposition: { kind: 'delete' },
      },
    ],
    [
      'definition/target/checksumFile/name',
      { target: { ...definition.target, checksumFile: { name: '{name}', algorithm: 'md5' } } },
    ],
    [
      'definition/target/acknowledgement/timeoutMs',
      { target: { ...definition.target, acknowledgement: { name: '{name}.ack' } } },
    ],
    [
      'definition/target/acknowledgement/content',
      {
        target: {
          ...definition.target,
          acknowledgement: { name: '{name}.ack', timeoutMs: 60_000, content: 'OK' },
        },
      },
    ],
    [
      'definition/target/acknowledgement/name',
      {
        target: {
          ...definition.target,
          checksumFile: { name: '{name}.ack', algorithm: 'md5' },
          acknowledgement: { name: '{name}.ack', timeoutMs: 60_000 },
        },
      },
    ],
    ['definition/disposition/directory', { disposition: { kind: 'archive', directory: 'a/../../b' } }],
    ['definition/target/mode', { target: { ...definition.target, mode: '0888' } }],
    ['definition/target/preserveTimes', { target: { ...definition.target, preserveTimes: 'yes' } }],
    ['definition/disposition/kind', { disposition: { kind: 'shred' } }],
    ['definition/concurrency', { concurrency: '4' }],
    ['definition/retry/maxDelayMs', { retry: { maxAttempts: 2, firstDelayMs: 2, maxDelayMs: 1 } }],
    ['definition/colour', { colour: 'red' }],
  ])('is refused with the place of what is wrong: %s', (pointer, change) => {
    const body = { name: 'a', definition: { ...definition, ...change } };
    expect(wrongIn('createTransfer', body)).toEqual([pointer]);
  });
});

/** The JSON blocks of a page. */
function examplesOf(page: string): string[] {
  const text = readFileSync(new URL(`../../../docs/${page}.md`, import.meta.url), 'utf8');
  return [...text.matchAll(/```json\n(.*?)\n```/gs)].map(([, json]) => json ?? '');
}

const ofNaming = examplesOf('naming');
const ofPartFiles = ofNaming.filter((json) => 'partNaming' in JSON.parse(json));
const ofDefinitions = ofNaming.filter((json) => !ofPartFiles.includes(json));

it.each(ofPartFiles)(
  'takes %s of the docs in the settings of an endpoint, and shows it unchanged',
  (json) => {
    const settings = { kind: 'local', root: '/srv', ...JSON.parse(json) };
    const body = { name: 'ours', settings };
    expect(wrongIn('createEndpoint', body)).toEqual([]);
    expect(routes.createEndpoint.body.parse(body).settings).toEqual(settings);
  },
);

it.each([
  [{ kind: 'suffix', suffix: '' }, 'settings/partNaming'],
  [{ kind: 'suffix', suffix: '/x' }, 'settings/partNaming'],
  [{ kind: 'prefix', prefix: 'x'.repeat(31) }, 'settings/partNaming'],
  [{ kind: 'directory', directory: '../x' }, 'settings/partNaming/directory'],
  [{ kind: 'own' }, 'settings/partNaming/kind'],
])('refuses part files named by %j', (partNaming, pointer) => {
  const settings = { kind: 'local', root: '/srv', partNaming };
  expect(wrongIn('createEndpoint', { name: 'ours', settings })).toEqual([pointer]);
});

it('refuses part files for a bucket, which has none', () => {
  const settings = { kind: 's3', bucket: 'exchange', partNaming: { kind: 'none' } };
  expect(wrongIn('createEndpoint', { name: 'ours', settings })).toEqual(['settings/partNaming']);
});

it.each([
  ...examplesOf('selection').map((json) => `{ "source": ${json} }`),
  ...ofDefinitions,
  ...['claiming', 'sets', 'duplicates'].flatMap(examplesOf),
])('takes the definition %s of the docs, and shows it unchanged', (json) => {
  const part = JSON.parse(json);
  const source = { ...definition.source, ...part.source };
  const target = { ...definition.target, ...part.target };
  const body = { name: 'a', definition: { ...definition, ...part, source, target } };
  expect(wrongIn('createTransfer', body)).toEqual([]);
  expect(routes.createTransfer.body.parse(body).definition).toMatchObject(part);
});

it.each([...examplesOf('checksum-files'), ...examplesOf('acknowledgements')])(
  'takes the definition %s of the docs, and shows it unchanged',
  (json) => {
    const { source, target } = JSON.parse(json);
    const asked = {
      source: { ...definition.source, ...source },
      target: { ...definition.target, ...target },
    };
    const body = { name: 'a', definition: asked };
    expect(wrongIn('createTransfer', body)).toEqual([]);
    expect(routes.createTransfer.body.parse(body).definition).toMatchObject({
      ...(source && { source }),
      ...(target && { target }),
    });
  },
);

const ofTransforms = examplesOf('transforms');

it.each(ofTransforms.filter((json) => json.startsWith('{')))('takes the transfer %s of the docs', (json) => {
  expect(wrongIn('createTransfer', JSON.parse(json))).toEqual([]);
});

it.each(ofTransforms.filter((json) => json.startsWith('[')))(
  'takes the transforms %s of the docs, and shows them unchanged',
  (json) => {
    const transforms = JSON.parse(json);
    const body = { name: 'a', definition: { ...definition, transforms } };
    expect(wrongIn('createTransfer', body)).toEqual([]);
    expect(routes.createTransfer.body.parse(body).definition.transforms).toEqual(transforms);
  },
);

describe('a change', () => {
  it('does not bring in defaults for what is left out', () => {
    expect(routes.updateTransfer.body.parse({})).toEqual({});
    expect(routes.updateEndpoint.body.parse({})).toEqual({});
    expect(routes.updatePartner.body.parse({})).toEqual({});
    expect(routes.updateSchedule.body.parse({})).toEqual({});
  });
});

describe('a bucket', () => {
  const bucket = { kind: 's3', bucket: 'exchange' };

  it('is all of a bucket at Amazon unless it says otherwise', () => {
    expect(routes.createEndpoint.body.parse({ name: 'shared', settings: bucket }).settings).toEqual({
      ...{ kind: 's3', region: 'us-east-1', bucket: 'exchange', root: '' },
      ...{ pathStyle: false, allowPlainHttp: false, connectTimeoutMs: 20_000, operationTimeoutMs: 30_000 },
    });
  });

  it.each([
    ['settings/url', { url: 'http://s3.example' }],
    ['settings/url', { url: 'ftp://s3.example', allowPlainHttp: true }],
    ['settings/url', { url: 'https://key:secret@s3.example' }],
    ['settings/url', { url: 'https://s3.example/exchange' }],
    ['settings/root', { root: '../other' }],
    ['settings/bucket', { bucket: 'a/b' }],
  ])('is refused for its %s: %j', (pointer, wrong) => {
    expect(wrongIn('createEndpoint', { name: 'shared', settings: { ...bucket, ...wrong } })).toEqual([
      pointer,
    ]);
  });

  it('may be reached by plain http where that is said', () => {
    const settings = { ...bucket, url: 'http://127.0.0.1:9000', allowPlainHttp: true };
    expect(wrongIn('createEndpoint', { name: 'shared', settings })).toEqual([]);
  });
});

describe('an endpoint', () => {
  it.each<[object, string]>([
    [{ maxRuns: 0 }, 'limits/maxRuns'],
    [{ maxFiles: 1 }, 'limits/maxFiles'],
    [{ bandwidth: [{ bytesPerSecond: 10 }] }, 'limits/bandwidth/0/bytesPerSecond'],
    [{ bandwidth: [{ bytesPerSecond: 4_096, from: '8:00', to: '09:00' }] }, 'limits/bandwidth/0/from'],
    [{ bandwidth: [{ bytesPerSecond: 4_096, days: ['monday'] }] }, 'limits/bandwidth/0/days/0'],
    [{ maintenance: [{ from: '08:00', to: '09:00' }] }, 'limits/maintenance/0'],
    [
      { maintenance: [{ startsAt: '2026-01-01', endsAt: '2026-01-02T00:00:00Z' }] },
      'limits/maintenance/0/startsAt',
    ],
  ])('has its limits %j refused with the place of what is wrong', (limits, pointer) => {
    const settings = { kind: 'local', root: '/srv' };
    expect(wrongIn('createEndpoint', { name: 'a', settings, limits })).toEqual([pointer]);
    expect(wrongIn('updateEndpoint', { limits })).toEqual([pointer]);
  });

  it('has the defaults of its protocol', () => {
    const settings = { kind: 'sftp', host: 'sftp.acme.example', username: 'waybill' };
    expect(routes.createEndpoint.body.parse({ name: 'a', settings })).toEqual({
      name: 'a',
      partnerId: null,
      pool: 'default',
      settings: {
        ...settings,
        port: 22,
        root: '.',
        connectTimeoutMs: 20_000,
        operationTimeoutMs: 30_000,
        keepaliveMs: 15_000,
      },
    });
  });

  it.each([
    ['settings/root', { kind: 'local', root: 'relative' }],
    ['settings/host', { kind: 'sftp', host: 'a b', username: 'u' }],
    ['settings/password', { kind: 'sftp', host: 'a', username: 'u', password: 'p' }],
    ['settings/kind', { kind: 'ftp' }],
  ])('is refused with the place of what is wrong: %s', (pointer, settings) => {
    expect(wrongIn('createEndpoint', { name: 'a', settings })).toEqual([pointer]);
  });
});

it.each(['', 'Acme', 'acme bank', '-acme', '01981f5e-7c3a-7b1e-9d55-0c6f3b1f2a10', 'a'.repeat(64)])(
  'the name "%s" is refused',
  (name) => {
    expect(wrongIn('createPartner', { name })).toEqual(['name']);
  },
);
