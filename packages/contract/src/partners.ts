import { z } from 'zod';
import { id, name, page, time } from './fields.js';

const title = z.string().max(200).meta({ description: 'As people know it.', example: 'ACME Bank' });
const notes = z.string().max(10_000).meta({ example: 'Files by 06:00; call +49 30 1234 if they are late.' });

export const partner = z
  .strictObject({ id, name, title, notes, createdAt: time, updatedAt: time })
  .meta({ id: 'Partner', description: 'The organisation or system that files are exchanged with.' });
export type Partner = z.output<typeof partner>;

export const partnerPage = page(partner, 'PartnerPage');

export const createPartner = z
  .strictObject({ name, title: title.default(''), notes: notes.default('') })
  .meta({ id: 'CreatePartner', example: { name: 'acme-bank', title: 'ACME Bank' } });

export const updatePartner = z
  .strictObject({ name: name.optional(), title: title.optional(), notes: notes.optional() })
  .meta({ id: 'UpdatePartner', description: 'Fields that are left out stay.', example: { notes: '' } });
