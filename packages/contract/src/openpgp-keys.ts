import { z } from 'zod';
import { id, name, page, time } from './fields.js';

export const openPgpKey = z
  .strictObject({
    id,
    name,
    fingerprint: z.string().meta({ example: '7C1A3F60E2B94D5588D90B1E6A2F4C8D13E57B90' }),
    userIds: z.array(z.string()),
    canEncrypt: z.boolean(),
    canSign: z.boolean(),
    hasPrivatePart: z.boolean().meta({ description: 'Kept encrypted, and never shown.' }),
    expiresAt: time.nullable().meta({ description: 'Null: never.' }),
    publicKey: z.string().meta({ description: 'Armored; to give to partners.' }),
    createdAt: time,
  })
  .meta({ id: 'OpenPgpKey', description: "A key that transforms name: a partner's, or ours." });
export type OpenPgpKey = z.output<typeof openPgpKey>;

export const openPgpKeyPage = page(openPgpKey, 'OpenPgpKeyPage');

export const importOpenPgpKey = z
  .strictObject({
    name,
    armored: z
      .string()
      .min(1)
      .max(100_000)
      .meta({ description: 'One key, public or private, as "gpg --armor --export" writes it.' }),
    passphrase: z.string().min(1).max(1024).optional().meta({ description: 'Of a locked private key.' }),
  })
  .meta({
    id: 'ImportOpenPgpKey',
    example: { name: 'acme', armored: '-----BEGIN PGP PUBLIC KEY BLOCK-----\n…' },
  });
