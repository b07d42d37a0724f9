import { answerRules } from '@waybill/domain';
import { z } from 'zod';
import { path, pathShown } from './fields.js';

const name = z.string().max(200);

const rule = z.strictObject({
  name: name.meta({ description: 'Template of its name.', example: '{name}.ack' }),
  refusalName: name.optional().meta({
    description: 'Template of the name by which the partner refuses a file; left out: by none.',
    example: '{name}.err',
  }),
  timeoutMs: z.int().min(1_000).max(2_592_000_000).meta({
    description: 'How long an answer is waited for, from the delivery on.',
    example: 14_400_000,
  }),
  afterwards: z.enum(answerRules).optional().meta({
    description: 'What becomes of the acknowledgement; `keep` if left out. A refusal is kept in any case.',
  }),
});

const description =
  'The partner answers to each delivered file by a file at the target; the source stays until then. ' +
  'See docs/acknowledgements.md.';
const directory = {
  description: 'Where answers lie, at the target endpoint; beside their files if left out.',
};

export const acknowledgementAsked = rule
  .extend({ directory: path.optional().meta(directory) })
  .meta({ id: 'AcknowledgementAsked', description, example: { name: '{name}.ack', timeoutMs: 14_400_000 } });

export const acknowledgement = rule
  .extend({ directory: pathShown.optional().meta(directory) })
  .meta({ id: 'Acknowledgement', description });
