import { checksumAlgorithms, checksumFormats } from '@waybill/domain';
import { z } from 'zod';

const name = z
  .string()
  .max(200)
  .meta({ description: 'Template of its name, beside the file.', example: '{name}.sha256' });
const algorithm = z
  .enum(checksumAlgorithms)
  .meta({ description: 'sha1 and md5 find accidents, not forgeries.' });

export const requiredChecksumFile = z
  .strictObject({
    name,
    algorithm,
    graceMs: z.int().min(0).max(86_400_000).optional().meta({
      description:
        'A file without its checksum file is left alone until it is so old, then it fails; 300000 if left out.',
    }),
  })
  .meta({
    id: 'RequiredChecksumFile',
    description:
      'A file is delivered only if its checksum file names the checksum of what was read; see docs/checksum-files.md.',
    example: { name: '{name}.sha256', algorithm: 'sha256' },
  });

export const writtenChecksumFile = z
  .strictObject({
    name,
    algorithm,
    format: z.enum(checksumFormats).optional().meta({
      description:
        'gnu: "<hex>  <name>"; bsd: "SHA256 (<name>) = <hex>"; bare: the hex alone. gnu if left out.',
    }),
  })
  .meta({
    id: 'WrittenChecksumFile',
    description: 'Each delivered file gets a checksum file beside it; see docs/checksum-files.md.',
    example: { name: '{name}.md5', algorithm: 'md5', format: 'bare' },
  });
