import { companionRules, emptyFileRules, orderKeys, recursions } from '@waybill/domain';
import { whyRulesRefused } from '@waybill/domain/selection';
import { z } from 'zod';
import { bytes, count } from './fields.js';

const ageMs = z.int().min(0).max(315_576_000_000);

const rules = z.strictObject({
  recursive: z.enum(recursions).optional().meta({
    description:
      'Take files of directories below as well, and keep the directories at the target or not. Left out: no.',
  }),
  minBytes: bytes.optional(),
  maxBytes: bytes.optional(),
  minAgeMs: ageMs.optional().meta({ description: 'Milliseconds since the last modification, at least.' }),
  maxAgeMs: ageMs.optional().meta({ description: 'Milliseconds since the last modification, at most.' }),
  emptyFiles: z.enum(emptyFileRules).optional().meta({
    description: 'What happens to files of zero bytes; move if left out. fail: the file fails, others go on.',
  }),
  doneFile: z
    .strictObject({
      name: z
        .string()
        .max(200)
        .meta({ description: 'Template of its name, beside the file.', example: '{name}.done' }),
      afterwards: z.enum(companionRules).meta({
        description: 'What becomes of the done-file once its file has been delivered.',
      }),
    })
    .optional()
    .meta({ description: 'A file is taken only once its done-file lies beside it.' }),
  settleMs: z.int().min(0).max(3_600_000).optional().meta({
    description:
      'A file is taken once size and time stayed the same for so long; 0: at once. Left out: 2000, with a done-file 0.',
  }),
  onlyNew: z.boolean().optional().meta({
    description:
      'Do not take again what the transfer has delivered before: the same path with the same content.',
  }),
  order: z
    .strictObject({ by: z.enum(orderKeys), descending: z.boolean().optional() })
    .optional()
    .meta({ description: 'In which files are taken; by name if left out.' }),
  atMostFiles: z.int().min(1).optional().meta({ description: 'Of one run.' }),
  atMostBytes: z.int().min(1).optional().meta({
    description: 'Of one run; a file that is larger by itself is taken alone.',
  }),
  expect: z
    .strictObject({ min: count.optional(), max: count.optional() })
    .optional()
    .meta({ description: 'How many files have to be there; otherwise nothing is moved and the run fails.' }),
});

/** As asked for: rules that contradict each other are refused. */
export const selectionRulesAsked = rules
  .superRefine((asked, context) => {
    const why = whyRulesRefused(asked);
    if (why) context.addIssue({ code: 'custom', path: [why.member], message: why.message });
  })
  .meta({
    id: 'SelectionRulesAsked',
    description: 'Which files a run takes, besides the patterns; see docs/selection.md.',
    example: { recursive: 'mirror', minBytes: 1, doneFile: { name: '{name}.done', afterwards: 'remove' } },
  });

export const selectionRules = rules.meta({
  id: 'SelectionRules',
  description: 'Which files a run takes, besides the patterns.',
});
