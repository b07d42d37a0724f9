import { type Db, keepOpenPgpKeys } from '@waybill/db';
import { keysUsedBy, type TransformSpec, whyKeyRefused, whyTransformsRefused } from '@waybill/domain';
import { OperationError } from './operation-error.js';

/**
 * The steps make sense, and each key that they name is there and can be used so. Until the transaction ends, none of
 * these keys can be removed.
 * @throws OperationError `invalid` with the field of the definition at fault
 */
export async function checkTransforms(db: Db, specs: readonly TransformSpec[]): Promise<void> {
  const why = whyTransformsRefused(specs);
  if (why) throw new OperationError('invalid', why, { field: '/definition/transforms' });
  const usages = keysUsedBy(specs);
  if (usages.length === 0) return;
  const keys = await keepOpenPgpKeys(db, [...new Set(usages.map(({ ref }) => ref))]);
  const byName = new Map(keys.map((key) => [key.name, key]));
  for (const { ref, use, step, member } of usages) {
    const refused = whyKeyRefused(ref, byName.get(ref), use, new Date());
    if (refused)
      throw new OperationError('invalid', refused, { field: `/definition/transforms/${step}/${member}` });
  }
}
