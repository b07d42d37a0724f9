import type { Db } from '@waybill/db';
import type { Owner, TransformSpec } from '@waybill/domain';
import { openOpenPgpKey } from '@waybill/operations';
import { SecretRefused, type Vault } from '@waybill/secrets';
import { StorageError } from '@waybill/storage';
import type { OpenTransforms, TransformedFile } from '@waybill/transfer';
import type { KeySource, TransformError, TransformFailureCode } from '@waybill/transforms';

/**
 * The transforms of a definition as the engine takes them.
 * @param sourceOwner whose turn it is where a file is not what it should be
 */
export function transformsOpener(
  specs: readonly TransformSpec[] | undefined,
  sourceOwner: Owner | undefined,
  keys: KeySource,
): OpenTransforms | undefined {
  if (!specs?.length) return undefined;
  return async (signal) => {
    // Its libraries are large: workers that need none do not load them.
    const { openKeyRing, openTransforms, TransformError } = await import('@waybill/transforms');
    const translate = (error: unknown): never => {
      throw error instanceof TransformError ? transformFailed(error, sourceOwner) : error;
    };
    const ring = openKeyRing(keys);
    const opened = await openTransforms(specs, { keys: ring, signal }).catch(translate);
    return { apply: (input, file) => translated(opened.apply(input, file), translate) };
  };
}

/** The keys that are on record. */
export function keysOnRecord(db: Db, vault: Vault): KeySource {
  const open = (name: string) =>
    openOpenPgpKey(db, name, vault).catch((cause: unknown) => {
      if (!(cause instanceof SecretRefused)) throw cause;
      const remedy = 'give the worker the right WAYBILL_MASTER_KEY, or import the key again';
      const message = `OpenPGP key ${name}: ${cause.message}; ${remedy}`;
      throw new StorageError('misconfigured', message, { cause });
    });
  return {
    publicKey: async (name) => (await open(name))?.publicKey,
    async privateKey(name) {
      const privatePart = (await open(name))?.privatePart;
      if (!privatePart) return undefined;
      const { armored: key, passphrase } = privatePart;
      return { key, ...(passphrase !== undefined && { passphrase }) };
    },
  };
}

function translated(file: TransformedFile, translate: (error: unknown) => never): TransformedFile {
  return {
    body: (async function* () {
      try {
        yield* file.body;
      } catch (error) {
        translate(error);
      }
    })(),
    report: () => file.report(),
  };
}

/** Ours to put right; everything else is wrong with the file, or a choice of who sent it. */
const ours: readonly TransformFailureCode[] = ['no-key', 'key-unusable', 'misconfigured'];

function transformFailed(error: TransformError, sourceOwner: Owner | undefined): StorageError {
  const { code, message } = error;
  const owner = ours.includes(code) ? 'us' : sourceOwner;
  return new StorageError('transform-failed', `${code}: ${message}`, { cause: error, owner });
}
