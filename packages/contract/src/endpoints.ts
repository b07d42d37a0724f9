import {
  credentialKinds,
  hostKeyStates,
  type LegacyAlgorithm,
  legacyAlgorithms,
  remoteHashSources,
  rootPath,
  verifications,
} from '@waybill/domain';
import { whyPartNamingRefused } from '@waybill/domain/naming';
import { z } from 'zod';
import { endpointProfile } from './endpoint-checks.js';
import { id, name, page, path, pathShown, pool, reference, time } from './fields.js';
import { breaker, limits } from './limits.js';

const host = z
  .string()
  .regex(/^[A-Za-z0-9._:[\]%-]{1,253}$/, 'a host name or an address')
  .meta({ example: 'sftp.acme.example' });
const port = z.int().min(1).max(65_535);
const username = z.string().min(1).max(255).meta({ example: 'waybill' });
const root = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !/\p{Cc}/u.test(text), 'control characters are not allowed');
const milliseconds = z.int().min(100).max(3_600_000);

const sftpRoot = root.meta({
  description:
    'Directory below which all paths lie; relative to the login directory unless it starts with "/".',
});
const localRoot = root
  .refine((text) => text.startsWith('/'), 'an absolute path')
  .meta({ description: 'Absolute path that the workers of the pool can see.', example: '/srv/exchange' });

const minimumAssurance = z.enum(verifications).meta({
  description:
    'What every delivery to this endpoint has to prove at least; `size` if left out. Transfers may ask for more.',
});
const remoteHash = z.enum(remoteHashSources).meta({
  description:
    'Where the server may be asked for the SHA-256 of a file: by its extension `check-file`, if it has one (as if left out), ' +
    'or also by `sha256sum` in the shell of the account, or not at all.',
});

const affix = z.string();
const namedByAffix = [
  z.strictObject({ kind: z.literal('suffix'), suffix: affix.meta({ example: '.tmp' }) }),
  z.strictObject({ kind: z.literal('prefix'), prefix: affix.meta({ example: '~' }) }),
] as const;
const inPlace = z.strictObject({ kind: z.literal('none') });
const partNamingMeta = {
  description:
    'Under which name bytes arrive until a file is whole; `.waybill-<12 digits>-<name>.part` beside it if left out. ' +
    '`directory`: our names, in another directory of the same file system; `none`: straight under the final name.',
};
const partNaming = z
  .discriminatedUnion('kind', [
    ...namedByAffix,
    z.strictObject({ kind: z.literal('directory'), directory: path }),
    inPlace,
  ])
  .superRefine((naming, context) => {
    const why = whyPartNamingRefused(naming);
    if (why !== undefined) context.addIssue({ code: 'custom', message: why });
  })
  .meta({ id: 'PartNamingAsked', ...partNamingMeta });
const partNamingShown = z
  .discriminatedUnion('kind', [
    ...namedByAffix,
    z.strictObject({ kind: z.literal('directory'), directory: pathShown }),
    inPlace,
  ])
  .meta({ id: 'PartNaming', ...partNamingMeta });

const localMembers = {
  kind: z.literal('local'),
  root: localRoot,
  minimumAssurance: minimumAssurance.optional(),
};

const s3Url = z
  .url({ protocol: /^https?$/, error: 'an address such as https://s3.example.com' })
  .refine((text) => isOrigin(text), 'only scheme, host and port: the bucket has a field of its own')
  .meta({
    description: "Address of the server; Amazon's of the region if left out.",
    example: 'https://s3.acme.example',
  });
const s3Region = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, 'a region such as "eu-central-1"')
  .meta({ description: 'Region of the bucket; what a server without regions wants is often "us-east-1".' });
const bucket = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/, '2 to 63 letters, digits, ".", "_" or "-"')
  .meta({ example: 'acme-exchange' });
const s3Root = z
  .string()
  .max(900)
  .pipe(path)
  .meta({ description: 'Prefix below which all paths lie; "" is the whole bucket.', example: 'exchange' });
const pathStyle = z.boolean().meta({
  description: 'Addresses `https://host/bucket/key` instead of `https://bucket.host/key`.',
});
const allowPlainHttp = z.boolean().meta({
  description: 'Takes a `url` of plain http: names and bytes then cross the network for all to read.',
});
const silence = milliseconds.meta({
  description: 'Milliseconds that the server may be silent in any single request.',
});

const channels = z.int().min(1).max(64).meta({
  description: 'Channels of one connection that a large file may use at once; 10 if left out.',
});

const proxyRoute = z
  .strictObject({
    kind: z.enum(['socks5', 'http-connect']),
    host,
    port,
    username: username.optional().meta({ description: 'Its password is the proxy credential.' }),
  })
  .meta({ id: 'ProxyRoute', description: 'By way of a proxy, which looks up the name of the server.' });

const route = z
  .discriminatedUnion('kind', [
    proxyRoute,
    z.strictObject({ kind: z.literal('jump'), endpointId: reference }).meta({
      id: 'JumpRoute',
      description: 'By way of a jump host: another SFTP endpoint, with its own account, host keys and route.',
    }),
  ])
  .meta({ description: 'How connections get there; directly if left out.' });

const legacy = z
  .array(z.enum(legacyAlgorithms as readonly [LegacyAlgorithm, ...LegacyAlgorithm[]]))
  .max(legacyAlgorithms.length)
  .meta({
    description: 'Weak algorithms that this server is offered after all others.',
    example: ['ssh-rsa'],
  });

/** As asked for: what is left out has a default. */
const settings = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('sftp'),
      host,
      port: port.default(22),
      username,
      root: sftpRoot.default('.'),
      connectTimeoutMs: milliseconds.default(20_000).meta({
        description: 'Milliseconds for TCP connect, handshake and authentication together.',
      }),
      operationTimeoutMs: milliseconds.default(30_000).meta({
        description: 'Milliseconds for every single request to the server.',
      }),
      keepaliveMs: milliseconds.default(15_000),
      maxChannels: channels.optional(),
      remoteHash: remoteHash.optional(),
      minimumAssurance: minimumAssurance.optional(),
      route: route.optional(),
      legacyAlgorithms: legacy.optional(),
      partNaming: partNaming.optional(),
    })
    .meta({ id: 'SftpSettingsAsked', description: 'An SFTP account.' }),
  z
    .strictObject({ ...localMembers, partNaming: partNaming.optional() })
    .meta({ id: 'LocalSettingsAsked', description: 'A directory.' }),
  z
    .strictObject({
      kind: z.literal('s3'),
      url: s3Url.optional(),
      region: s3Region.default('us-east-1'),
      bucket,
      root: s3Root.default(rootPath),
      pathStyle: pathStyle.default(false),
      allowPlainHttp: allowPlainHttp.default(false),
      connectTimeoutMs: milliseconds.default(20_000),
      operationTimeoutMs: silence.default(30_000),
      minimumAssurance: minimumAssurance.optional(),
    })
    .refine(({ url, allowPlainHttp }) => allowPlainHttp || !url?.startsWith('http:'), {
      path: ['url'],
      error: 'plain http is for all to read: use https, or set allowPlainHttp',
    })
    .meta({ id: 'S3SettingsAsked', description: 'A bucket of an S3-compatible object store.' }),
]);

const settingsShown = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('sftp'),
      host,
      port,
      username,
      root: sftpRoot,
      connectTimeoutMs: milliseconds,
      operationTimeoutMs: milliseconds,
      keepaliveMs: milliseconds,
      maxChannels: channels.optional(),
      remoteHash: remoteHash.optional(),
      minimumAssurance: minimumAssurance.optional(),
      route: route.optional(),
      legacyAlgorithms: legacy.optional(),
      partNaming: partNamingShown.optional(),
    })
    .meta({ id: 'SftpSettings', description: 'An SFTP account.' }),
  z
    .strictObject({ ...localMembers, partNaming: partNamingShown.optional() })
    .meta({ id: 'LocalSettings', description: 'A directory.' }),
  z
    .strictObject({
      kind: z.literal('s3'),
      url: s3Url.optional(),
      region: s3Region,
      bucket,
      root: z.string(),
      pathStyle,
      allowPlainHttp,
      connectTimeoutMs: milliseconds,
      operationTimeoutMs: silence,
      minimumAssurance: minimumAssurance.optional(),
    })
    .meta({ id: 'S3Settings', description: 'A bucket of an S3-compatible object store.' }),
]);

export const credential = z
  .strictObject({ kind: z.enum(credentialKinds), updatedAt: time })
  .meta({ id: 'Credential', description: 'What may be known of a credential: never the secret.' });
export type Credential = z.output<typeof credential>;

export const endpoint = z
  .strictObject({
    id,
    name,
    partnerId: id.nullable().meta({ description: 'Null: the place is ours.' }),
    partnerName: z.string().nullable(),
    pool,
    settings: settingsShown,
    limits,
    breaker: breaker
      .nullable()
      .meta({ description: 'Null: runs may go there, and none has failed to reach it since one did.' }),
    credential: credential.nullable(),
    proxyCredential: credential
      .nullable()
      .meta({ description: 'Of the proxy of `settings.route`. It goes when the proxy or its user changes.' }),
    warnings: z.array(z.string()).meta({ description: 'What is allowed by the settings, but not good.' }),
    profile: endpointProfile.nullable().meta({ description: 'Of the newest probe that could log in.' }),
    profiledAt: time.nullable(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Endpoint', description: 'A configured place: protocol, host, account, root.' });
export type Endpoint = z.output<typeof endpoint>;

export const endpointPage = page(endpoint, 'EndpointPage');

export const createEndpoint = z
  .strictObject({
    name,
    partnerId: reference.nullable().default(null),
    pool: pool.default('default'),
    settings,
    limits: limits.optional(),
  })
  .meta({
    id: 'CreateEndpoint',
    example: {
      name: 'acme-sftp',
      partnerId: 'acme-bank',
      settings: { kind: 'sftp', host: 'sftp.acme.example', username: 'waybill' },
    },
  });

export const updateEndpoint = z
  .strictObject({
    name: name.optional(),
    partnerId: reference.nullable().optional(),
    pool: pool.optional(),
    settings: settings.optional(),
    limits: limits.optional(),
  })
  .meta({
    id: 'UpdateEndpoint',
    description:
      'Fields that are left out stay; `settings` and `limits` are replaced as a whole, and `settings` keep their kind.',
    example: { pool: 'dmz' },
  });

const hostKeyState = z
  .enum(hostKeyStates)
  .meta({ description: 'Only `active` and `retiring` keys are trusted.' });

export const hostKey = z
  .strictObject({
    id,
    endpointId: id,
    algorithm: z.string().meta({ example: 'ssh-ed25519' }),
    publicKey: z.string().meta({ description: "The key's blob in base64." }),
    fingerprint: z.string().meta({ example: 'SHA256:jOs1n0TRcYFxZ4Rq0Hn2GJrmFfUqbiAEHV4x0n8bWvM' }),
    state: hostKeyState,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'HostKey', description: 'A public key that a server proves itself with.' });
export type HostKey = z.output<typeof hostKey>;

export const hostKeyList = z.strictObject({ items: z.array(hostKey) }).meta({ id: 'HostKeyList' });

export const addHostKey = z
  .strictObject({
    key: z.string().min(1).max(10_000).meta({
      description: 'A public key such as "ssh-ed25519 AAAA…", or a line of known_hosts or ssh-keyscan.',
    }),
    state: hostKeyState.default('active'),
  })
  .meta({
    id: 'AddHostKey',
    example: {
      key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAxUBv6aRBj4OG25XEkxeDRjBG8kpWxNKAUMDAQAQyQt',
    },
  });

export const changeHostKey = z
  .strictObject({ state: hostKeyState })
  .meta({ id: 'ChangeHostKey', example: { state: 'revoked' } });

const secret = z.string().min(1).max(16_384);

export const setCredential = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('password'), password: secret }).meta({ id: 'PasswordCredential' }),
    z
      .strictObject({ kind: z.literal('private-key'), privateKey: secret, passphrase: secret.optional() })
      .meta({ id: 'PrivateKeyCredential', description: 'A private key in OpenSSH or PEM form.' }),
    z.strictObject({ kind: z.literal('keyboard-interactive'), password: secret }).meta({
      id: 'KeyboardInteractiveCredential',
      description: 'Every prompt is answered with the password.',
    }),
    z
      .strictObject({
        kind: z.literal('access-key'),
        accessKeyId: z.string().min(1).max(256),
        secretAccessKey: secret,
        sessionToken: secret.optional(),
      })
      .meta({
        id: 'AccessKeyCredential',
        description: 'Of an S3 account; `sessionToken` comes with temporary keys alone.',
      }),
  ])
  .meta({ id: 'SetCredential', example: { kind: 'password', password: '…' } });

/** Credentials, a path or a query in the address would be overlooked, or shown to everybody. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password, pathname, search, hash } = new URL(text);
  return `${username}${password}${search}${hash}` === '' && pathname === '/';
}
export const setProxyCredential = z
  .strictObject({ password: secret })
  .meta({ id: 'SetProxyCredential', example: { password: '…' } });
