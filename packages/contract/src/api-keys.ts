import { scopes } from '@waybill/domain';
import { z } from 'zod';
import { id, name, page, time, timeAsked } from './fields.js';

const scopeList = z
  .array(z.enum(scopes))
  .min(1)
  .max(scopes.length)
  .meta({
    description:
      'read: see records; operate: run, cancel, retry; define: partners, endpoints, OpenPGP keys, transfers, schedules; audit: read the audit log; admin: everything.',
    example: ['read', 'operate'],
  });
const prefix = z.string().meta({ description: 'The first characters, by which people recognise a key.' });

const fields = {
  id,
  name,
  prefix,
  scopes: scopeList,
  createdAt: time,
  expiresAt: time.nullable(),
  lastUsedAt: time.nullable(),
  revokedAt: time.nullable(),
};

export const apiKey = z.strictObject(fields).meta({ id: 'ApiKey' });
export type ApiKey = z.output<typeof apiKey>;

export const apiKeyPage = page(apiKey, 'ApiKeyPage');

export const apiKeyCreated = z
  .strictObject({ ...fields, key: z.string().meta({ description: 'The key itself: shown this once.' }) })
  .meta({ id: 'ApiKeyCreated' });
export type ApiKeyCreated = z.output<typeof apiKeyCreated>;

export const createApiKey = z
  .strictObject({ name, scopes: scopeList, expiresAt: timeAsked.nullable().default(null) })
  .meta({ id: 'CreateApiKey', example: { name: 'nightly-batch', scopes: ['read', 'operate'] } });
